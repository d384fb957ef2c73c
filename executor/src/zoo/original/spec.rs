//! The original's binary model description, `P.<batch>.clockwork`; little-endian.
//!
//! ```text
//! u32 version (1), u64 weights_memory, u64 weights_memory_paged, u64 workspace_memory,
//! u64 io_memory, strings so_functions, ops, inputs, outputs, u64 page_size, pages
//! strings: u32 count, each u32 length and bytes
//! array:   u32 element version (1), u32 count, elements
//! op:      tensors, u32 function, workspaces
//! tensor:  u64 base_offset, u32 page, u64 page_offset, u64 size, u32 ndim, i64 dims.., i32 dtype,
//!          i32 bits, i32 lanes
//! workspace: u32 page, u64 page_offset, u64 size          page: u64 base_offset, u64 size
//! ```

use clockwork_wire::PAGE_BYTES;
use thiserror::Error;

/// What emulation needs of a model description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Bytes of all inputs of one item.
    pub input_size: u32,
    /// Bytes of all outputs of one item.
    pub output_size: u32,
    /// Bytes of weights, unpadded.
    pub weights_size: u64,
    /// Pages that hold them.
    pub pages: u32,
    /// Bytes of intermediate tensors.
    pub workspace_size: u64,
}

/// What is wrong with a model description, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} at byte {offset}: {problem}")]
pub struct SpecError {
    /// The field.
    pub field: &'static str,
    /// Where it begins, in bytes from the file's start.
    pub offset: usize,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl Spec {
    /// Reads the description of a batch of 1.
    ///
    /// # Errors
    /// Names the field and offset of the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        let mut reader = Reader { bytes, offset: 0 };
        reader.version("version")?;
        let weights_size = reader.u64("weights_memory")?;
        reader.u64("weights_memory_paged")?;
        let workspace_size = reader.u64("workspace_memory")?;
        reader.u64("io_memory")?;
        reader.strings("so_functions")?;
        reader.array("ops", Reader::op)?;
        let input_size = reader.tensors("inputs")?;
        let output_size = reader.tensors("outputs")?;
        reader.page_size("page_size")?;
        let pages = reader.array("pages", |reader| {
            reader.u64("pages.base_offset")?;
            reader.u64("pages.size")
        })?;
        reader.end()?;
        Ok(Self { input_size, output_size, weights_size, pages, workspace_size })
    }
}

/// The part of the file that has not been read yet.
#[derive(Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn take(&mut self, field: &'static str, len: usize) -> Result<&[u8], SpecError> {
        let left = self.bytes.len() - self.offset;
        if len > left {
            let problem = format!("{len} bytes are needed and {left} are left");
            return Err(self.error(field, problem));
        }
        let begin = self.offset;
        self.offset += len;
        Ok(&self.bytes[begin..self.offset])
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, SpecError> {
        let bytes = self.take(field, 4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes were taken")))
    }

    fn u64(&mut self, field: &'static str) -> Result<u64, SpecError> {
        let bytes = self.take(field, 8)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes were taken")))
    }

    fn version(&mut self, field: &'static str) -> Result<(), SpecError> {
        let found = self.peek(Self::u32, field)?;
        if found != 1 {
            return Err(self.error(field, format!("is {found}, only 1 is known")));
        }
        self.u32(field).map(drop)
    }

    fn page_size(&mut self, field: &'static str) -> Result<(), SpecError> {
        let found = self.peek(Self::u64, field)?;
        if found != PAGE_BYTES {
            let problem =
                format!("is {found}, pages here have {PAGE_BYTES}: convert the model anew");
            return Err(self.error(field, problem));
        }
        self.u64(field).map(drop)
    }

    /// Reads a field and steps back, so that an error names its beginning.
    fn peek<T>(
        &mut self,
        read: fn(&mut Self, &'static str) -> Result<T, SpecError>,
        field: &'static str,
    ) -> Result<T, SpecError> {
        let offset = self.offset;
        let value = read(self, field);
        self.offset = offset;
        value
    }

    fn strings(&mut self, field: &'static str) -> Result<(), SpecError> {
        // A hostile count ends at the end of the bytes, because every string takes some.
        for _ in 0..self.u32(field)? {
            let len = self.u32(field)?;
            self.take(field, usize::try_from(len).expect("a u32 fits usize"))?;
        }
        Ok(())
    }

    /// Reads an array and returns its length.
    fn array<T>(
        &mut self,
        field: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<T, SpecError>,
    ) -> Result<u32, SpecError> {
        self.version(field)?;
        let count = self.u32(field)?;
        for _ in 0..count {
            element(self)?;
        }
        Ok(count)
    }

    /// Reads an array of tensors and returns the sum of their sizes.
    fn tensors(&mut self, field: &'static str) -> Result<u32, SpecError> {
        let begin = self.offset;
        let mut sum = 0_u64;
        self.array(field, |reader| {
            sum = sum.saturating_add(reader.tensor()?);
            Ok(())
        })?;
        u32::try_from(sum).map_err(|_| {
            let problem = format!("take {sum} bytes, at most {} are possible", u32::MAX);
            SpecError { field, offset: begin, problem }
        })
    }

    fn op(&mut self) -> Result<(), SpecError> {
        self.array("ops.inputs", Self::tensor)?;
        self.u32("ops.so_function")?;
        self.array("ops.workspace", |reader| {
            reader.u32("ops.workspace.page")?;
            reader.u64("ops.workspace.page_offset")?;
            reader.u64("ops.workspace.size")
        })?;
        Ok(())
    }

    /// Reads a tensor and returns its size.
    fn tensor(&mut self) -> Result<u64, SpecError> {
        self.u64("tensor.base_offset")?;
        self.u32("tensor.page")?;
        self.u64("tensor.page_offset")?;
        let size = self.u64("tensor.size")?;
        for _ in 0..self.u32("tensor.ndim")? {
            self.u64("tensor.shape")?;
        }
        self.u32("tensor.dtype")?;
        self.u32("tensor.bits")?;
        self.u32("tensor.lanes")?;
        Ok(size)
    }

    fn end(&self) -> Result<(), SpecError> {
        let left = self.bytes.len() - self.offset;
        if left == 0 { Ok(()) } else { Err(self.error("end", format!("{left} bytes too many"))) }
    }

    const fn error(&self, field: &'static str, problem: String) -> SpecError {
        SpecError { field, offset: self.offset, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description with one op, one string and two pages.
    fn description(page_size: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let word = |bytes: &mut Vec<u8>, value: u32| bytes.extend(value.to_le_bytes());
        let long = |bytes: &mut Vec<u8>, value: u64| bytes.extend(value.to_le_bytes());
        let tensor = |bytes: &mut Vec<u8>, size: u64| {
            long(bytes, 0);
            word(bytes, 0);
            long(bytes, 0);
            long(bytes, size);
            word(bytes, 1);
            long(bytes, 7);
            bytes.extend([2, 32, 1].map(u32::to_le_bytes).as_flattened());
        };
        let array = |bytes: &mut Vec<u8>, count| {
            word(bytes, 1);
            word(bytes, count);
        };
        word(&mut bytes, 1);
        bytes.extend([20_000_000, 33_554_432, 99, 12].map(u64::to_le_bytes).as_flattened());
        word(&mut bytes, 1);
        word(&mut bytes, 3);
        bytes.extend(b"add");
        array(&mut bytes, 1); // ops
        array(&mut bytes, 1);
        tensor(&mut bytes, 5);
        word(&mut bytes, 0);
        array(&mut bytes, 0);
        array(&mut bytes, 1); // inputs
        tensor(&mut bytes, 8);
        array(&mut bytes, 2); // outputs
        tensor(&mut bytes, 3);
        tensor(&mut bytes, 1);
        long(&mut bytes, page_size);
        array(&mut bytes, 2);
        bytes.extend([0, PAGE_BYTES, PAGE_BYTES, 3_222_784].map(u64::to_le_bytes).as_flattened());
        bytes
    }

    #[test]
    fn sizes_are_read_from_where_they_stand() {
        let spec = Spec::parse(&description(PAGE_BYTES)).unwrap();
        let expected = Spec {
            input_size: 8,
            output_size: 4,
            weights_size: 20_000_000,
            pages: 2,
            workspace_size: 99,
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn a_description_that_is_cut_anywhere_is_an_error() {
        let bytes = description(PAGE_BYTES);
        for len in 0..bytes.len() {
            let error = Spec::parse(&bytes[..len]).unwrap_err();
            assert!(error.offset <= len, "{error}");
        }
        let longer = [bytes, vec![0]].concat();
        assert_eq!(Spec::parse(&longer).unwrap_err().field, "end");
    }

    #[test]
    fn a_foreign_version_and_page_size_are_refused_where_they_stand() {
        let mut bytes = description(PAGE_BYTES);
        bytes[0] = 2;
        let error = Spec::parse(&bytes).unwrap_err();
        assert_eq!((error.field, error.offset), ("version", 0));
        let error = Spec::parse(&description(4_096)).unwrap_err();
        assert_eq!(error.field, "page_size");
        assert!(error.problem.contains("4096"), "{error}");
    }

    #[test]
    fn any_single_wrong_byte_is_survived() {
        let bytes = description(PAGE_BYTES);
        for index in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[index] = 0xff;
            // Whether it is noticed depends on the byte; it must not panic or run away.
            let _ = Spec::parse(&wrong);
        }
    }
}
