//! Real models from the shared data give what ONNX Runtime gives for them.
