"""Variants of wasi:http that several of its functions have: ``error-code``, ``method``, ``scheme``."""

from sandbox.wasm.component_values import Codec, Codecs

_PLAIN = (
    *("DNS-timeout", "destination-not-found", "destination-unavailable", "destination-IP-prohibited"),
    *("destination-IP-unroutable", "connection-refused", "connection-terminated", "connection-timeout"),
    *("connection-read-timeout", "connection-write-timeout", "connection-limit-reached", "TLS-protocol-error"),
    *("TLS-certificate-error", "HTTP-request-denied", "HTTP-request-length-required", "HTTP-request-method-invalid"),
    *("HTTP-request-URI-invalid", "HTTP-request-URI-too-long", "HTTP-response-incomplete", "HTTP-response-timeout"),
    *("HTTP-upgrade-failed", "HTTP-protocol-error", "loop-detected", "configuration-error"),
)


def error_code(codecs: Codecs) -> Codec:
    text, number, short = codecs.option(codecs.string), codecs.option(codecs.u32), codecs.option(codecs.u8)
    size = codecs.option(codecs.u64)
    field = codecs.record(field_name=text, field_size=number)
    return codecs.variant(
        {
            **dict.fromkeys(_PLAIN),
            "DNS-error": codecs.record(rcode=text, info_code=codecs.option(codecs.u16)),
            "TLS-alert-received": codecs.record(alert_id=short, alert_message=text),
            "HTTP-request-body-size": size,
            "HTTP-request-header-section-size": number,
            "HTTP-request-header-size": codecs.option(field),
            "HTTP-request-trailer-section-size": number,
            "HTTP-request-trailer-size": field,
            "HTTP-response-header-section-size": number,
            "HTTP-response-header-size": field,
            "HTTP-response-body-size": size,
            "HTTP-response-trailer-section-size": number,
            "HTTP-response-trailer-size": field,
            "HTTP-response-transfer-coding": text,
            "HTTP-response-content-coding": text,
            "internal-error": text,
        }
    )


METHODS = frozenset(("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"))


def method(codecs: Codecs) -> Codec:
    return codecs.variant({**dict.fromkeys(METHODS), "other": codecs.string})


def scheme(codecs: Codecs) -> Codec:
    return codecs.variant({"HTTP": None, "HTTPS": None, "other": codecs.string})
