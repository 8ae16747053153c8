package recommend

import (
	"slices"
	"time"
)

// A State is how far a person has come with one matter.
type State struct {
	Act      Act       // the strongest thing done since it was last taken back
	Last     time.Time // when the person last had to do with it
	Finished time.Time // when it was last finished; zero if never
	Count    int       // how often it was finished
	Against  time.Time // when it was last withdrawn or disliked; zero if never
}

// StatesOf says how far a person has come with each matter of a history, whose
// steps are the newest first and one for each event.
func StatesOf(steps []Step) map[string]State {
	states := map[string]State{}
	for _, s := range slices.Backward(steps) {
		st := states[s.Matter]
		st.Last = s.At
		switch {
		case s.Act == ActWithdraw || s.Act == ActDislike:
			st.Against = s.At
			if s.Act == ActWithdraw {
				st.Act = 0
			}
		case s.Act == ActFinish:
			st.Act, st.Finished = s.Act, s.At
			st.Count++
		case s.Act > st.Act && s.Act < ActFinish, s.Act.Strong() && s.At.After(st.Finished):
			st.Act = s.Act // begun anew counts as begun
		}
		states[s.Matter] = st
	}
	return states
}

// walk joins the steps, the newest first, that a source is to look at: those
// of one matter in a row are one, and what takes a matter back is none.
func walk(steps []Step) []Step {
	var list []Step
	for _, s := range steps {
		strength := s.Act.strength()
		last := len(list) - 1
		switch {
		case strength == 0:
		case last < 0 || list[last].Matter != s.Matter:
			list = append(list, s)
		case strength > list[last].Act.strength():
			list[last] = s
		}
	}
	return list
}
