//go:build race

package nb101_test

const raceEnabled = true
