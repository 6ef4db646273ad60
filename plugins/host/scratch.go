package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// removeScratch removes the folder dir with all that a plugin left in it, also
// where the plugin closed folders to their owner.
func removeScratch(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	// What can't be opened shows in the second attempt. A root keeps chmod from
	// following a link out of the folder.
	parent, rootErr := os.OpenRoot(filepath.Dir(dir))
	if rootErr != nil {
		return err
	}
	_ = fs.WalkDir(parent.FS(), filepath.Base(dir), func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = parent.Chmod(path, 0o700)
		}
		return nil
	})
	return errors.Join(os.RemoveAll(dir), parent.Close())
}
