package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// view is what a plugin's mount namespace shows of the file system, where
// Landlock has no say: whoever may look up a path connects to a Unix socket
// there, and whoever owns a file changes its mode, its times and its extended
// attributes.
//
// Folders of the root that are not the system's are covered by empty ones, with
// what the plugin may reach put back in its place. And all but what it may
// write is mounted read-only.
type view struct {
	covered  bool
	readOnly bool
}

// mostMounts bounds what is put back one by one; a mount takes some 20 µs.
const mostMounts = 2000

// systemFolders are the folders of the root that stay as they are. Only root
// writes to them, and devices are writable on what is mounted read-only.
func systemFolders() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/dev", "/proc", "/sys"}
}

// mountView changes what this mount namespace, which is the process's own,
// shows. What can't be done is not held.
func (c *confinement) mountView() view {
	var v view
	if unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
		return v
	}
	// Copies of what the plugin may write, as it is mounted now.
	var writable []*clone
	defer func() {
		for _, w := range writable {
			w.close()
		}
	}()
	for _, path := range c.Write {
		w, err := newClone(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // It has gone since.
		}
		if err != nil {
			return v
		}
		writable = append(writable, w)
	}
	v.covered = c.cover() == nil
	v.readOnly = unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}) == nil
	for _, w := range writable {
		if w.attach() != nil && (v.covered || v.readOnly) {
			// The plugin will fail to write, and say so.
			fmt.Fprintf(os.Stderr, "sandbox: %s can't be mounted\n", w.path)
		}
	}
	return v
}

// cover covers the folders, or none of them.
func (c *confinement) cover() (err error) {
	folders, err := coverable(slices.Concat(c.Read, c.Write))
	if err != nil {
		return err
	}
	var mounted []string
	defer func() {
		if err == nil {
			return
		}
		for _, path := range slices.Backward(mounted) {
			_ = unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
	}()
	links, err := c.links()
	if err != nil {
		return err
	}
	put := 0
	for _, folder := range folders {
		in := func(path string) bool { return path != folder && within(path, folder) }
		var back []*clone
		last := ""
		for _, path := range slices.Sorted(slices.Values(c.Read)) {
			if !in(path) || last != "" && within(path, last) {
				continue
			}
			r, err := newClone(path)
			if errors.Is(err, os.ErrNotExist) {
				continue // It has gone since.
			}
			if err != nil {
				return err
			}
			defer r.close()
			back, last = append(back, r), path
		}
		if put += len(back); put > mostMounts {
			return errors.New("more than can be put back one by one")
		}
		isFolder := make(map[string]bool)
		for _, path := range c.Write {
			if info, err := os.Stat(path); in(path) && err == nil {
				isFolder[path] = info.IsDir()
			}
		}
		if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
			return err
		}
		mounted = append(mounted, folder)
		for _, r := range back {
			if err := place(r.path, r.folder); err != nil {
				return err
			}
			if err := r.attach(); err != nil {
				return err
			}
			mounted = append(mounted, r.path)
		}
		for path, folder := range isFolder {
			if err := place(path, folder); err != nil {
				return err
			}
		}
		for _, path := range c.List {
			if in(path) {
				if err := place(path, true); err != nil {
					return err
				}
			}
		}
		for _, l := range links {
			if !in(l.path) {
				continue
			}
			if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
				return err
			}
			if err := os.Symlink(l.target, l.path); err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
	}
	return nil
}

// coverable returns the folders of the root that can be covered: those that
// the plugin may not reach as a whole.
func coverable(reached []string) ([]string, error) {
	entries, err := os.ReadDir("/")
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, e := range entries {
		path := "/" + e.Name()
		if e.IsDir() && !slices.Contains(systemFolders(), path) && !slices.Contains(reached, path) {
			folders = append(folders, path)
		}
	}
	return folders, nil
}

// place makes the folder or the empty file that something is mounted on.
func place(path string, folder bool) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if folder {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o600)
}

// symlink is a link, with the real path of the folder that it is in.
type symlink struct{ path, target string }

// links returns the links that the plugin's ways go through, and those in
// folders that it may list.
func (c *confinement) links() ([]symlink, error) {
	var list []symlink
	for _, way := range c.Ways {
		list = append(list, linksOn(way)...)
	}
	for _, folder := range c.List {
		if !slices.ContainsFunc(systemFolders(), func(system string) bool { return within(folder, system) }) {
			entries, err := os.ReadDir(folder)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				path := filepath.Join(folder, e.Name())
				if target, err := os.Readlink(path); err == nil {
					list = append(list, symlink{path, target})
				}
			}
		}
	}
	return list, nil
}

// linksOn returns the links that an absolute path goes through.
func linksOn(path string) []symlink {
	var list []symlink
	at := "/" // a real path
	rest := strings.Split(path, "/")
	for len(rest) > 0 && len(list) < 40 { // as many as the kernel follows
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name) // "" and "." stay, ".." goes up
		target, err := os.Readlink(next)
		if err != nil {
			at = next
			continue
		}
		list = append(list, symlink{next, target})
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return list
}

// clone is a copy of a mount from a path on, with what is mounted below it,
// which is not yet mounted anywhere.
type clone struct {
	path   string
	folder bool
	fd     int
}

func newClone(path string) (*clone, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return nil, err
	}
	return &clone{path, info.IsDir(), fd}, nil
}

// attach mounts it where it was.
func (c *clone) attach() error {
	return unix.MoveMount(c.fd, "", unix.AT_FDCWD, c.path, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// close unmounts what was not attached.
func (c *clone) close() { _ = unix.Close(c.fd) }
