//! Damaged artifacts and models are refused in words; nothing panics and nothing is touched outside
//! the memory that was given.
