//go:build !race

package nasbench101

const raceEnabled = false
