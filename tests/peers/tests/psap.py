"""Reads the first emergency INVITE in a message log of sipp, as a public safety answering point
would, with nothing but Python's own libraries; prints what it was told as JSON."""

import email
import email.policy
import json
import re
import sys
import xml.etree.ElementTree as ET

PIDF = "{urn:ietf:params:xml:ns:pidf}"
GP = "{urn:ietf:params:xml:ns:pidf:geopriv10}"
GBP = "{urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy}"
CA = "{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}"
DATA = "{urn:ietf:params:xml:ns:EmergencyCallData:%s}"
VCARD = "{urn:ietf:params:xml:ns:vcard-4.0}"


def invite(log):
    """The octets of the message, as many as its Content-Length says."""
    start = re.search(rb"^INVITE ", log, re.MULTILINE).start()
    head, _, rest = log[start:].partition(b"\r\n\r\n")
    length = int(re.search(rb"(?mi)^Content-Length:\s*(\d+)", head).group(1))
    _, _, fields = head.partition(b"\r\n")
    return fields, rest[:length]


def main(path):
    with open(path, "rb") as file:
        fields, body = invite(file.read())
    message = email.message_from_bytes(fields + b"\r\n\r\n" + body, policy=email.policy.SMTP)
    assert message.get_content_type() == "multipart/mixed", message.get_content_type()
    assert not message.defects, message.defects
    parts = {}
    for part in message.iter_parts():
        assert not part.defects, part.defects
        parts[part.get("Content-ID", part.get_content_type())] = part

    def pointed_at(value, kind):
        part = parts["<%s>" % re.search(r"<cid:([^>]+)>", value).group(1)]
        assert part.get_content_type() == kind.lower(), part.get_content_type()
        assert part.get_content_disposition() == "by-reference"
        return ET.fromstring(part.get_payload(decode=True))

    def block(name):
        purpose = "purpose=EmergencyCallData.%s" % name
        [value] = [v for v in message.get_all("Call-Info") if v.endswith(purpose)]
        root = pointed_at(value, "application/EmergencyCallData.%s+xml" % name)
        space = DATA % name
        assert root.tag == space + "EmergencyCallData.%s" % name, root.tag
        return root, space

    presence = pointed_at(message["Geolocation"], "application/pidf+xml")
    geopriv = presence.find(f"{PIDF}tuple/{PIDF}status/{GP}geopriv")
    address = geopriv.find(f"{GP}location-info/{CA}civicAddress")
    provider, pi = block("ProviderInfo")
    service, svc = block("ServiceInfo")
    subscriber, sub = block("SubscriberInfo")
    comment, com = block("Comment")
    card = subscriber.find(f"{sub}SubscriberData/{VCARD}vcard")
    told = {
        "sdp": parts["application/sdp"].get_payload(decode=True).decode().splitlines()[0],
        "routing": message["Geolocation-Routing"],
        "entity": presence.get("entity"),
        "location": {child.tag.removeprefix(CA): child.text for child in address},
        "method": geopriv.findtext(f"{GP}method"),
        "passed on": geopriv.findtext(f"{GP}usage-rules/{GBP}retransmission-allowed"),
        "provider": [
            provider.findtext(pi + name)
            for name in ("DataProviderString", "ProviderID", "ProviderIDSeries", "TypeOfProvider")
        ],
        "callback": provider.findtext(pi + "ContactURI"),
        "service": [service.findtext(svc + "ServiceType"), service.findtext(svc + "ServiceMobility")],
        "name": card.findtext(f"{VCARD}fn/{VCARD}text"),
        "number": card.findtext(f"{VCARD}tel/{VCARD}uri"),
        "private": subscriber.get("privacyRequested"),
        "comment": comment.findtext(com + "Comment"),
        "references": len(
            {
                root.findtext(space + "DataProviderReference")
                for root, space in ((provider, pi), (service, svc), (subscriber, sub), (comment, com))
            }
        ),
    }
    print(json.dumps(told))


main(sys.argv[1])
