//go:build !race

package llm

// RaceOn reports whether the race detector slows this run down tenfold.
const RaceOn = false
