package plot

import "fmt"

// Looks returns what tells each of n predictors from others in grey.
func Looks(n int) []string {
	looks := make([]string, n)
	for i := range looks {
		s := styleOf(i)
		looks[i] = fmt.Sprintf("%v %T", s.dashes, s.glyph)
	}
	return looks
}
