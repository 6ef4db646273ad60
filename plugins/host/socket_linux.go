package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// socketPin finds a plugin's socket, which has to lie in its scratch folder,
// and holds on to it.
type socketPin struct {
	scratch string
	// socket keeps the number that path returned from being that of another
	// file. It closes when nothing can connect any more, with the runner.
	socket *os.File
}

// path returns a path to the socket that a plugin says it listens on: one that
// leads to what was found there, whatever the plugin puts in its place between
// the look and the connection. No link is followed below the scratch folder.
func (p *socketPin) path(network, address string) (string, error) {
	if network != "unix" {
		return "", errors.New("it is no Unix socket")
	}
	if !filepath.IsAbs(address) {
		return "", errors.New("it is no absolute path")
	}
	root := realPath(p.scratch)
	rel := ""
	for _, folder := range []string{p.scratch, root} {
		if r, err := filepath.Rel(folder, address); err == nil && filepath.IsLocal(r) && r != "." {
			rel = r
			break
		}
	}
	if rel == "" {
		return "", errors.New("it is not in the plugin's scratch folder")
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(rel, "/") {
		next, err := unix.Openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		_ = unix.Close(fd)
		if err != nil {
			return "", err // a link on the way is no folder: ENOTDIR
		}
		fd = next
	}
	p.socket = os.NewFile(uintptr(fd), address)
	info, err := p.socket.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Type() != os.ModeSocket {
		return "", errors.New("there is no socket")
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}
