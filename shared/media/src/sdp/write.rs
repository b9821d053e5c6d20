//! Writing. No value can break out of its line: all foreign text came through the parser, which
//! refuses control characters; what is left is filtered here once more.

use std::fmt::{Formatter, Result};
use std::net::{IpAddr, Ipv4Addr};

use super::{Attributes, SessionDescription};

pub(super) fn write(session: &SessionDescription, f: &mut Formatter<'_>) -> Result {
    let address = session
        .origin
        .address
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    write!(
        f,
        "v=0\r\no=- {} {} ",
        session.origin.id, session.origin.version
    )?;
    write!(f, "{}\r\ns=-\r\n", in_address(address))?;
    if let Some(address) = session.connection {
        write!(f, "c={}\r\n", in_address(address))?;
    }
    write!(f, "t=0 0\r\n")?;
    attributes(&session.attributes, f)?;
    for media in &session.media {
        let formats = media.formats.join(" ");
        write!(
            f,
            "m={} {} {} {}\r\n",
            clean(&media.media),
            media.port,
            clean(&media.protocol),
            clean(&formats)
        )?;
        if let Some(address) = media.connection {
            write!(f, "c={}\r\n", in_address(address))?;
        }
        attributes(&media.attributes, f)?;
    }
    Ok(())
}

fn attributes(attributes: &Attributes, f: &mut Formatter<'_>) -> Result {
    for (name, value) in &attributes.0 {
        match value {
            Some(value) => write!(f, "a={}:{}\r\n", clean(name), clean(value))?,
            None => write!(f, "a={}\r\n", clean(name))?,
        }
    }
    Ok(())
}

fn in_address(address: IpAddr) -> String {
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!("IN {family} {address}")
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
