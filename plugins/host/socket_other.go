//go:build !linux

package host

import "errors"

// socketPin stands for a plugin's socket in its scratch folder. Without a
// sandbox there is none.
type socketPin struct {
	scratch string
}

func (p *socketPin) path(string, string) (string, error) {
	return "", errors.New("there is no sandbox in " + p.scratch)
}
