//go:build race

package hypernas

const raceEnabled = true
