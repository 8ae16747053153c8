//go:build race

package eval_test

// raceOn reports whether the race detector slows this run down tenfold.
const raceOn = true
