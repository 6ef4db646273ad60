// Package hypernasv1 is the Go code that protoc makes of
// plugins/proto/hypernas/v1/hypernas.proto.
package hypernasv1

//go:generate sh -c "protoc -I ../../proto --plugin=protoc-gen-go=`go tool -n protoc-gen-go` --plugin=protoc-gen-go-grpc=`go tool -n protoc-gen-go-grpc` --go_out=. --go_opt=module=github.com/hypernas/hypernas/plugins/internal/hypernasv1 --go-grpc_out=. --go-grpc_opt=module=github.com/hypernas/hypernas/plugins/internal/hypernasv1 hypernas/v1/hypernas.proto"
