// Package python holds the SDK for plugins written in Python; what Go there
// is drives it as hypernas does.
package python

//go:generate protoc -I ../proto --python_out=src --pyi_out=src hypernas/v1/hypernas.proto
