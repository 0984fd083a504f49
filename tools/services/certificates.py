"""A certificate authority of our own and a certificate for loopback, made by `openssl`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import ServiceUnavailable

_SUBJECT_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def make(name: str, directory: Path) -> tuple[Path, Path]:
    """Return the paths of `ca.crt` (for clients) and `server.pem` (key, then certificates); make them at first use.

    Raises:
        ServiceUnavailable: There is no `openssl`, or it refuses.
    """
    authority, server = directory / "ca.crt", directory / "server.pem"
    if server.exists():
        return authority, server
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "server.ext").write_text(_SUBJECT_NAMES + "\n")
    new_key = ["-newkey", "rsa:2048", "-nodes"]
    authority_name = ["-x509", "-days", "3650", "-subj", "/CN=bspump_like test authority"]
    # Python 3.13 and newer refuse an authority that does not say what its key is for.
    authority_name += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    server_request = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"]
    signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "server.ext"]
    for arguments in (
        ["req", *authority_name, *new_key, "-keyout", "ca.key", "-out", "ca.crt"],
        ["req", *new_key, *server_request],
        ["x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt"],
    ):
        command = ["openssl", *arguments]
        try:
            done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise ServiceUnavailable(name, "openssl", "no such program") from None
        if done.returncode:
            raise ServiceUnavailable(name, " ".join(command), done.stderr.strip())
    parts = [(directory / part).read_text() for part in ("server.key", "server.crt", "ca.crt")]
    server.write_text("".join(parts))
    return authority, server
