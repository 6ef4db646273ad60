"""The protocol's messages, made by protoc of plugins/proto/hypernas/v1/hypernas.proto."""
