package recommend

import (
	"fmt"
	"math"
	"time"
)

// Params tune a Model and the sources that read it. What is under Counting is
// baked into the numbers: changing it means to count again.
type Params struct {
	// Counting.
	Window   int       // how many steps later a passage still counts
	Gap      float64   // weight of a passage for each step in between
	Back     float64   // weight of the way back against the way there
	HalfLife float64   // days after which what was counted weighs half
	Landmark time.Time // the day on which a passage counts as one

	// Reading.
	Recency float64 // weight of each step of a history against the next newer one
	Source  float64 // power by which a matter's own frequency divides its passages
	Target  float64 // power by which the frequency of what they lead to divides them
	Second  float64 // weight of passages of passages
	Depth   int     // how many of the newest steps look two passages ahead
	Prior   float64 // pseudo-passages that a life event is worth

	Peers        float64 // weight of what people with like histories did, against passages
	PeerRecency  float64
	PeerSource   float64 // power by which a matter's frequency divides a shared step
	PeerLength   float64 // power by which the length of a peer's history divides it
	PeerTarget   float64
	PeerBack     float64 // weight of what a peer did before the shared step
	PeerLimit    int     // how many peers count
	PeerPostings int     // how many of the latest people who did a matter are looked at

	Popular float64 // weight of popularity
	Season  float64 // weight of the season
	Renewal float64 // weight of renewals
	Similar float64 // weight of likeness in content
}

// Defaults are the parameters of production. Those of passages and peers were
// chosen on the second-last events of public sets (docs/recommend.md).
func Defaults() Params {
	return Params{
		Window: 15, Gap: .9, Back: .2, HalfLife: 730, Landmark: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		Recency: .6, Source: .5, Target: .3, Second: .2, Depth: 2, Prior: 20,
		Peers: .5, PeerRecency: .8, PeerSource: .5, PeerLength: .25, PeerTarget: .3, PeerBack: .3, PeerLimit: 200, PeerPostings: 100,
		Popular: .05, Season: .1, Renewal: 1, Similar: .1,
	}
}

// counting is a version of the code that counts; a change of what it makes of
// a history must change it.
const counting = 1

// Counting says how a model with these parameters counts. Counts made another
// way cannot be gone on with.
func (p *Params) Counting() string {
	return fmt.Sprintf("%d window %d gap %g back %g half-life %g landmark %d", counting, p.Window, p.Gap, p.Back, p.HalfLife, p.Landmark.Unix())
}

const (
	unit        = 1024         // of a passage's weight: counts are whole numbers
	day         = 24 * 60 * 60 // seconds
	week        = 7 * day      //
	weakWindow  = 5            // steps over which mere interest makes a passage
	weakSeconds = 30 * 60      // and the time within which it does
	gapHalfLife = 180.0        // days between two steps after which their passage weighs half
	gapFloor    = .1           // and what remains however long it took
	minExponent = -8.0         // half-lives before the landmark: what is older weighs the same
	maxExponent = 40.0         // half-lives after the landmark
	headSize    = 200          // targets of a matter that a request looks at
	secondSize  = 32           // and of each of these, when it looks two passages ahead
	secondFan   = 48           // how many of a matter's targets are followed to theirs
	minPeople   = 20           // distinct people behind a figure that is shown
	regionLimit = 200          // distinct people in a city before its own passages are taken alone
)

// decay is the weight of something at a time, forward from the landmark, so
// that nothing that was counted need be touched as time goes on.
func (p *Params) decay(at int64) float64 {
	if p.HalfLife <= 0 {
		return 1
	}
	x := float64(at-p.Landmark.Unix()) / day / p.HalfLife
	return math.Exp2(min(max(x, minExponent), maxExponent))
}

// passage is the weight of going from one step to another gap steps later, in
// units; 0 if it does not count.
func (p *Params) passage(from, to step, gap int, powers []float64) int64 {
	w := from.act.strength() * to.act.strength() * powers[gap-1]
	apart := to.at - from.at
	if (!from.strong() || !to.strong()) && (gap > weakWindow || apart > weakSeconds) {
		return 0
	}
	w *= max(gapFloor, math.Exp2(-float64(apart)/day/gapHalfLife))
	return int64(math.Round(unit * w * p.decay(to.at)))
}
