//go:build race

package ground

// raceOn reports whether the race detector slows this run down tenfold.
const raceOn = true
