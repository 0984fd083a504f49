"""TLS of every client: one set of options, spelled alike everywhere."""

from __future__ import annotations

import ssl

from ..config import Options, option
from ..errors import ConfigError


class TLSOptions(Options):
    """Options of an encrypted connection."""

    tls: bool = option(False, "encrypt the connection")
    tls_ca_file: str = option("", "certificates of the authorities to trust, PEM; empty: those of the system")
    tls_cert_file: str = option("", "our certificate, PEM, where the server wants one")
    tls_key_file: str = option("", "the key of our certificate, PEM")
    tls_key_password: str = option("", "password of the key", secret=True)
    tls_verify: bool = option(True, "check the server's certificate and name; turn it off only for tests")


def ssl_context(options: TLSOptions) -> ssl.SSLContext | None:
    """Return the context that the options describe, None when `tls` is off.

    Raises:
        ConfigError: A file cannot be used; the message names it.
    """
    if not options.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=options.tls_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"option 'tls_ca_file' has '{options.tls_ca_file}': {error}") from error
    if options.tls_cert_file:
        try:
            context.load_cert_chain(
                options.tls_cert_file, options.tls_key_file or None, options.tls_key_password or None
            )
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"option 'tls_cert_file' has '{options.tls_cert_file}': {error}") from error
    if not options.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
