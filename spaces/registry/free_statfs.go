//go:build darwin || linux

package registry

import "syscall"

// freeBytes returns how much an ordinary user can still write below dir.
func freeBytes(dir string) (bytes int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
