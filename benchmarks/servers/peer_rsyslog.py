"""The paths in rsyslog, from Debian's packages, unpacked into a folder and run by whoever runs this.

librdkafka commits offsets each second, of what the input has handed over to the queue: the guarantee is weaker. The queues
are bounded, and messages wait for room.
"""

from __future__ import annotations

import pathlib
import urllib.parse

from .work import Job

PACKAGES = (
    "rsyslog", "rsyslog-kafka", "rsyslog-elasticsearch", "librdkafka1", "libfastjson4", "libestr0", "liblognorm5", "libcurl4",
)  # fmt: skip
_LIBRARIES = "usr/lib/x86_64-linux-gnu"

_ACTIONS = {
    "null": "stop",
    "kafka": """action(type="omkafka" broker=["{kafka}"] topic="{output}" template="event"
        confParam=["acks=all", "linger.ms=5", "queue.buffering.max.messages=100000"]
        resubmitOnFailure="on" action.resumeRetryCount="-1")""",
    "elasticsearch": """action(type="omelasticsearch" server="{host}" serverport="{port}" searchIndex="{output}"
        searchType="" bulkmode="on" maxbytes="1m" template="event" esVersion.major="8" writeoperation="create"
        action.resumeRetryCount="-1" queue.type="linkedList" queue.size="20000" queue.dequeueBatchSize="4000"
        queue.workerThreads="1" queue.timeoutEnqueue="100000")""",
}
_CONFIGURATION = """\
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="{modules}/imkafka")
module(load="{modules}/mmjsonparse")
module(load="{modules}/omkafka")
module(load="{modules}/omelasticsearch")
main_queue(queue.type="fixedArray" queue.size="50000" queue.dequeueBatchSize="4000" queue.workerThreads="1"
    queue.timeoutEnqueue="100000")
template(name="event" type="subtree" subtree="$!")
ruleset(name="work") {{
    action(type="mmjsonparse" cookie="")
    set $!class = substring($!status, 0, 1) & "xx";
    set $!status = cnum($!status);
    set $!bytes = cnum($!bytes);
    set $!micros = cnum($!micros);
    {action}
}}
input(type="imkafka" topic="{topic}" broker=["{kafka}"] consumergroup="{group}" ruleset="work"
    confParam=["auto.offset.reset=earliest", "auto.commit.interval.ms=1000"])
"""


def command(root: pathlib.Path, job: Job) -> list[str]:
    """Write the configuration, return the command line.

    Args:
        root: Where the packages are unpacked.
        job: What to do.
    """
    libraries = root / _LIBRARIES
    where = urllib.parse.urlsplit(job.search)
    names = {
        "folder": job.folder, "modules": libraries / "rsyslog", "kafka": job.kafka, "topic": job.topic, "group": job.group,
        "output": job.output, "host": where.hostname, "port": where.port,
    }  # fmt: skip
    text = _CONFIGURATION.format(action=_ACTIONS[job.path].format(**names), **names)
    configuration = pathlib.Path(job.folder) / "rsyslog.conf"
    configuration.write_text(text, encoding="utf-8")
    run = [
        str(root / "usr/sbin/rsyslogd"),
        "-n",
        "-i",
        f"{job.folder}/pid",
        "-f",
        str(configuration),
        "-M",
        str(libraries / "rsyslog"),
    ]
    return ["env", f"LD_LIBRARY_PATH={libraries}", *run]
