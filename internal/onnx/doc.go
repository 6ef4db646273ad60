// Package onnx reads neural networks in ONNX files (https://onnx.ai, protobuf
// messages of onnx.proto) and evaluates them in float32. It knows the few
// operators that the surrogate of NAS-Bench-301 consists of: Add, Cast, Concat,
// Constant, ConstantOfShape, Div, Gather, Gemm, Mul, Selu, Shape, Sigmoid, Sub
// and Unsqueeze, as operator sets 9 to 12 define them. Any other is refused
// when a file is read, by name.
//
// The shapes that a file declares for its inputs are not looked at: a network
// that was exported for one row is evaluated for as many as it is given, if its
// operators allow it.
package onnx
