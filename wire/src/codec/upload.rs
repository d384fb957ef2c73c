//! The steps of uploads, the same on both links.

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::generated as fb;
use super::{DecodeError, NAME_MAX, UPLOAD_DATA_MAX, UPLOAD_FILES_MAX, check};
use crate::{Payload, UploadFile, UploadStep};

/// # Panics
/// If a name or a path is longer than [`NAME_MAX`], or there are more files or bytes than may be.
pub(super) fn put_step(
    builder: &mut FlatBufferBuilder<'static>,
    step: &UploadStep,
) -> WIPOffset<fb::UploadStep<'static>> {
    let mut args = fb::UploadStepArgs::default();
    match step {
        UploadStep::Begin { name, files, sha256 } => {
            assert!(name.len() <= NAME_MAX, "a name has at most {NAME_MAX} bytes");
            assert!(files.len() <= UPLOAD_FILES_MAX, "at most {UPLOAD_FILES_MAX} files");
            args.kind = BEGIN;
            args.name = Some(builder.create_string(name));
            args.sha256 = Some(builder.create_vector(sha256));
            let files: Vec<_> = files.iter().map(|file| put_file(builder, file)).collect();
            args.files = Some(builder.create_vector(&files));
        }
        UploadStep::Data { offset, bytes } => {
            assert!(bytes.len() <= UPLOAD_DATA_MAX, "at most {UPLOAD_DATA_MAX} bytes");
            args.kind = DATA;
            args.offset = *offset;
            args.data = Some(builder.create_vector(&bytes[..]));
        }
        UploadStep::Drop => args.kind = DROP,
    }
    fb::UploadStep::create(builder, &args)
}

fn put_file(
    builder: &mut FlatBufferBuilder<'static>,
    file: &UploadFile,
) -> WIPOffset<fb::UploadFile<'static>> {
    assert!(file.path.len() <= NAME_MAX, "a path has at most {NAME_MAX} bytes");
    let path = Some(builder.create_string(&file.path));
    fb::UploadFile::create(builder, &fb::UploadFileArgs { path, len: file.len })
}

pub(super) fn step(raw: fb::UploadStep<'_>) -> Result<UploadStep, DecodeError> {
    check::range("upload_step.kind", raw.kind(), BEGIN, DROP)?;
    match raw.kind() {
        BEGIN => begin(raw),
        DATA => {
            let data = raw.data().map_or(&[][..], |data| data.bytes());
            let (len, max) = (check::wide(data.len()), check::wide(UPLOAD_DATA_MAX));
            check::range("upload_step.data length", len, 0_u64, max)?;
            Ok(UploadStep::Data { offset: raw.offset(), bytes: Payload::new(data.to_vec()) })
        }
        _ => Ok(UploadStep::Drop),
    }
}

fn begin(raw: fb::UploadStep<'_>) -> Result<UploadStep, DecodeError> {
    let hash = raw.sha256().map_or(&[][..], |hash| hash.bytes());
    check::equal("upload_step.sha256 length", check::wide(hash.len()), 32_u32)?;
    let files = raw.files();
    let count = files.map_or(0, |files| files.len());
    check::range("upload_step.files", check::wide(count), 1_u32, check::wide(UPLOAD_FILES_MAX))?;
    let file = |raw: fb::UploadFile<'_>| {
        let path = check::name("upload_file.path length", raw.path())?;
        Ok(UploadFile { path, len: raw.len() })
    };
    let sha256 = *hash.first_chunk().expect("the length was checked");
    Ok(UploadStep::Begin {
        name: check::name("upload_step.name length", raw.name().unwrap_or_default())?,
        files: files.into_iter().flatten().map(file).collect::<Result<_, DecodeError>>()?,
        sha256,
    })
}

const BEGIN: u8 = 1;
const DATA: u8 = 2;
const DROP: u8 = 3;
