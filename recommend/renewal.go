package recommend

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Renewal says whether and when a matter that was finished comes back.
type Renewal struct {
	Months int    // how long its result holds, as the guide says; 0 if it does not say
	Quote  string // the guide's words for that
	Yearly bool   // is to be done every year
}

// period finds the one length of time that a guide names for what its result
// holds. 不少于, 以内 and the like name no length.
var (
	period = regexp.MustCompile(`(\d+|[一二三四五六七八九十]|十[一二三四五六七八九]|二十)\s*(年|个月)`)
	vague  = regexp.MustCompile(`不少于|不超过|以上|以内|内申请|至少|最长|最短|或|长期|分别`)
	yearly = regexp.MustCompile(`年度报告|年报|年检|年审|年度检验|汇算清缴|每年`)
)

// RenewalOf reads a guide's field on how long its result holds, and its name.
func RenewalOf(name, validity string) Renewal {
	r := Renewal{Yearly: yearly.MatchString(name)}
	found := period.FindAllStringSubmatch(validity, -1)
	if len(found) != 1 || vague.MatchString(validity) {
		return r
	}
	n := number(found[0][1])
	if found[0][2] == "年" {
		n *= 12
	}
	r.Months, r.Quote = n, strings.TrimSpace(validity)
	return r
}

func number(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	const digits = "一二三四五六七八九"
	digit := func(s string) int { return strings.Index(digits, s)/len("一") + 1 }
	switch {
	case s == "十":
		return 10
	case s == "二十":
		return 20
	case strings.HasPrefix(s, "十"):
		return 10 + digit(strings.TrimPrefix(s, "十"))
	}
	return digit(s)
}

// ends is when what was finished at a time ends; zero if it does not.
func (r Renewal) ends(finished time.Time) time.Time {
	switch {
	case r.Months > 0:
		return finished.AddDate(0, r.Months, 0)
	case r.Yearly:
		return finished.AddDate(1, 0, 0)
	}
	return time.Time{}
}

// due reports whether it is time to do again what was finished at a time.
func (r Renewal) due(finished, now time.Time) bool {
	ends := r.ends(finished)
	return !ends.IsZero() && !now.Before(ends.Add(-soonBefore)) && now.Before(ends.Add(overdue))
}

// Renewals is the Source of what a person did and must do again: a permit
// near its end, a yearly matter.
type Renewals struct{ Catalogue Catalogue }

var _ Source = Renewals{}

// Name implements [Source].
func (Renewals) Name() string { return "renewal" }

// Votes implements [Source].
func (s Renewals) Votes(q *Query) []Vote {
	var votes []Vote
	for code, st := range StatesOf(q.Steps) {
		item, ok := s.Catalogue(code)
		if !ok || st.Finished.IsZero() || !item.Renews.due(st.Finished, q.Now) {
			continue
		}
		votes = append(votes, Vote{code, 1, Reason{Kind: KindRenewal, From: code, Due: item.Renews.ends(st.Finished), Quote: item.Renews.Quote}})
	}
	slices.SortFunc(votes, compareVotes)
	return votes
}

// Similar is the Source of matters alike in content, for those that nobody
// has done yet.
type Similar struct {
	// Find returns the codes of at most n matters like one, the most alike
	// first.
	Find func(code string, n int) []string
}

var _ Source = Similar{}

// Name implements [Source].
func (Similar) Name() string { return "similar" }

// similarSteps is how many of the newest steps are compared.
const similarSteps = 3

// Votes implements [Source].
func (s Similar) Votes(q *Query) []Vote {
	var votes []Vote
	steps := q.steps()
	for i, step := range steps[:min(len(steps), similarSteps)] {
		for rank, code := range s.Find(step.Matter, 10) {
			score := 1 / float64((i+1)*(rank+2))
			at := slices.IndexFunc(votes, func(v Vote) bool { return v.Code == code })
			if at >= 0 {
				votes[at].Score += score
				continue
			}
			votes = append(votes, Vote{code, score, Reason{Kind: KindSimilar, From: step.Matter}})
		}
	}
	slices.SortFunc(votes, compareVotes)
	return votes
}

// Entrances is the Source of where life events begin, for a list that nothing
// else fills.
type Entrances struct{ Events *LifeEvents }

var _ Source = Entrances{}

// Name implements [Source].
func (Entrances) Name() string { return "entrances" }

// Votes implements [Source].
func (s Entrances) Votes(*Query) []Vote {
	votes := map[string]Vote{}
	for code, bundles := range s.Events.of {
		for _, b := range bundles {
			if b.Steps[0].Matter != code || b.Steps[0].Optional {
				continue
			}
			v := votes[code]
			v.Code, v.Score = code, v.Score+1
			if v.Reason.Bundle == "" {
				v.Reason = Reason{Kind: KindBundle, Bundle: b.Name, Order: OrderEntrance}
			}
			votes[code] = v
		}
	}
	list := make([]Vote, 0, len(votes))
	for _, v := range votes {
		list = append(list, v)
	}
	slices.SortFunc(list, compareVotes)
	return list[:min(len(list), maxVotes)]
}
