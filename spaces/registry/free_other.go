//go:build !(darwin || linux)

package registry

// freeBytes does not know.
func freeBytes(string) (bytes int64, known bool) { return 0, false }
