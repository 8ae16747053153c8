package recommend

import (
	"strconv"

	"github.com/govqa/govqa/corpus"
)

// An Act is what somebody did with a matter.
type Act uint8

// The acts, the weakest first. ActWithdraw and ActDislike take a matter back
// rather than lead anywhere.
const (
	ActSearch   Act = iota + 1 // came to it from a search
	ActView                    // read its guide
	ActAsk                     // asked about it
	ActStart                   // began to apply
	ActSubmit                  // handed in the application
	ActFinish                  // got the result
	ActLike                    // rated it well
	ActWithdraw                // took the application back
	ActDislike                 // rated it badly or closed its card
)

// actNames are the names in the API; a rating's sign tells like from dislike.
var actNames = [...]string{ActSearch: "search", ActView: "view", ActAsk: "ask", ActStart: "start", ActSubmit: "submit",
	ActFinish: "finish", ActLike: "rate", ActWithdraw: "withdraw", ActDislike: "rate"}

// ActNames lists the names that [ParseAct] knows.
var ActNames = []string{"search", "view", "ask", "start", "submit", "finish", "withdraw", "rate"}

// ParseAct returns the act of a name; value is a rating's.
func ParseAct(name string, value float64) (Act, bool) {
	if name == "rate" && value < 0 {
		return ActDislike, true
	}
	for a, n := range actNames {
		if n == name && name != "" {
			return Act(a), true
		}
	}
	return 0, false
}

func (a Act) String() string {
	if int(a) < len(actNames) && a > 0 {
		return actNames[a]
	}
	return "act(" + strconv.Itoa(int(a)) + ")"
}

// strength is how much an act says of what a person needs, from 0 to 1.
func (a Act) strength() float64 {
	switch a {
	case ActFinish:
		return 1
	case ActSubmit:
		return .9
	case ActStart:
		return .7
	case ActAsk, ActLike:
		return .3
	case ActView:
		return .15
	case ActSearch:
		return .1
	}
	return 0
}

// Strong reports whether the act is a step of doing the matter, not mere
// interest in it.
func (a Act) Strong() bool { return a == ActStart || a == ActSubmit || a == ActFinish }

// A Class is a coarse audience: people's matters and firms' hardly meet, so
// they are counted apart.
type Class uint8

// The classes.
const (
	ClassUnknown Class = iota
	ClassPerson
	ClassLegal
)

// ClassOf returns the class of an audience.
func ClassOf(a corpus.Audience) Class {
	switch a {
	case "":
		return ClassUnknown
	case corpus.Person:
		return ClassPerson
	}
	return ClassLegal
}

// A Visit is an event as the model counts it: one act with one matter.
type Visit struct {
	At     int64  // Unix seconds
	Matter uint32 // as [Model.Matter] numbers it
	Region uint32 // the first six digits of the division, 0 if unknown
	Act    Act
	Class  Class
}

// RegionNumber is a division's code as a [Visit] holds it.
func RegionNumber(r corpus.RegionCode) uint32 {
	if len(r) < 6 {
		return 0
	}
	n, err := strconv.ParseUint(string(r[:6]), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// A step is a run of visits to one matter, taken as one.
type step struct {
	at     int64
	matter uint32
	region uint32
	act    Act
	class  Class
}

func (s step) strong() bool { return s.act.Strong() }

// context says among whom a passage is counted: the class and the city.
func (s step) context() uint32 { return uint32(s.class)<<24 | s.region/100 }

// fold joins visits, the oldest first, into steps. Visits to one matter in a
// row are one step with the strongest act; what takes a matter back is none.
func fold(visits []Visit) []step {
	steps := make([]step, 0, len(visits))
	for _, v := range visits {
		strength := v.Act.strength()
		if strength == 0 {
			continue
		}
		s := step{v.At, v.Matter, v.Region, v.Act, v.Class}
		last := len(steps) - 1
		switch {
		case last < 0 || steps[last].matter != v.Matter:
			steps = append(steps, s)
		case strength > steps[last].act.strength():
			steps[last] = s
		}
	}
	return steps
}
