//! The first frame in each direction of every connection.

use super::frame::FrameWriter;
use super::generated as fb;
use super::word::{credits, put_credits};
use super::{DecodeError, FrameKind, Limits, MESSAGE_MAX, NAME_MAX, check};
use crate::{BootId, Hello, LinkKind, Role, SessionId};

/// Appends a hello frame to `out`. A long refusal is cut to [`MESSAGE_MAX`].
///
/// # Panics
/// If the token is longer than [`NAME_MAX`]; the configuration refuses such a token.
pub fn encode_hello(hello: &Hello, out: &mut Vec<u8>) {
    assert!(hello.token.len() <= NAME_MAX, "a token has at most {NAME_MAX} bytes");
    let mut frame = FrameWriter::new(FrameKind::Hello);
    let token = frame.builder.create_string(&hello.token);
    let refusal = frame.builder.create_string(check::cut(&hello.refusal, MESSAGE_MAX));
    let root = fb::Hello::create(
        &mut frame.builder,
        &fb::HelloArgs {
            role: put_role(hello.role),
            link: put_link(hello.link),
            boot: hello.boot.get(),
            session: hello.session.get(),
            epoch: hello.epoch,
            last_applied: hello.last_applied,
            credits: Some(&put_credits(hello.credits)),
            cores: hello.cores,
            token: Some(token),
            refusal: Some(refusal),
            core: hello.core,
        },
    );
    frame.finish(root, out);
}

/// Reads the header of a hello frame.
///
/// # Errors
/// If the header does not verify, a field is out of its bounds, or there is a body.
pub fn decode_hello(header: &[u8], body_len: u32, limits: &Limits) -> Result<Hello, DecodeError> {
    let raw = limits.root::<fb::Hello<'_>>(FrameKind::Hello, header)?;
    check::equal("hello: body length", body_len, 0_u32)?;
    Ok(Hello {
        role: role(raw.role())?,
        link: link(raw.link())?,
        boot: BootId::new(raw.boot()),
        session: SessionId::new(raw.session()),
        epoch: raw.epoch(),
        last_applied: raw.last_applied(),
        credits: credits(raw.credits()),
        cores: raw.cores(),
        core: raw.core(),
        token: check::name("hello.token length", raw.token())?,
        refusal: check::message("hello.refusal length", raw.refusal())?,
    })
}

const fn put_role(role: Role) -> fb::Role {
    match role {
        Role::Client => fb::Role::Client,
        Role::Controller => fb::Role::Controller,
        Role::Worker => fb::Role::Worker,
    }
}

fn role(raw: fb::Role) -> Result<Role, DecodeError> {
    check::range("hello.role", raw.0, fb::Role::ENUM_MIN, fb::Role::ENUM_MAX)?;
    Ok(match raw {
        fb::Role::Client => Role::Client,
        fb::Role::Controller => Role::Controller,
        _ => Role::Worker,
    })
}

const fn put_link(link: LinkKind) -> fb::LinkKind {
    match link {
        LinkKind::Control => fb::LinkKind::Control,
        LinkKind::Bulk => fb::LinkKind::Bulk,
    }
}

fn link(raw: fb::LinkKind) -> Result<LinkKind, DecodeError> {
    check::range("hello.link", raw.0, fb::LinkKind::ENUM_MIN, fb::LinkKind::ENUM_MAX)?;
    Ok(if raw == fb::LinkKind::Bulk { LinkKind::Bulk } else { LinkKind::Control })
}
