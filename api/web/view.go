package web

import (
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// unpublished stands for a field that the agency has not published.
const unpublished = "未公布"

// published is the text of a field, or that there is none.
func published(s string) string {
	if strings.TrimSpace(s) == "" {
		return unpublished
	}
	return s
}

// A span is a piece of text, with where it leads.
type span struct {
	Text string
	Href template.URL // may be empty
}

// safeURL lets through what may stand in a link: http and https with a host,
// and tel with a number. Everything else becomes empty.
func safeURL(s string) template.URL {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host != "" {
			return template.URL(u.String())
		}
	case "tel":
		if n := u.Opaque; n != "" && strings.Trim(n, "0123456789+-") == "" {
			return template.URL("tel:" + n)
		}
	}
	return ""
}

// phoneNumber finds telephone numbers as Chinese offices write them. The
// script has the same pattern.
var phoneNumber = regexp.MustCompile(`0\d{2,3}[-—－]?\d{7,8}|400-?\d{3}-?\d{4}|1[3-9]\d{9}|\d{7,8}|(?:12|9[56])\d{3}`)

// phones cuts s so that every telephone number can be tapped.
func phones(s string) []span {
	var spans []span
	at := 0
	for _, m := range phoneNumber.FindAllStringIndex(s, -1) {
		if m[0] > at {
			spans = append(spans, span{Text: s[at:m[0]]})
		}
		spans = append(spans, span{s[m[0]:m[1]], dial(s[m[0]:m[1]])})
		at = m[1]
	}
	if at < len(s) {
		spans = append(spans, span{Text: s[at:]})
	}
	return spans
}

// dial makes a tel: link of a telephone number; empty if there is no digit.
func dial(number string) template.URL {
	digits := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, number)
	if digits == "" {
		return ""
	}
	return template.URL("tel:" + digits)
}

func matterPath(code string) string { return "/matters/" + url.PathEscape(code) }

func eventPath(id string) string { return "/events/" + url.PathEscape(id) }

// policyPlace lets through only what leads to a policy on these pages.
func policyPlace(place string) template.URL {
	if !strings.HasPrefix(place, "/policies/") {
		return ""
	}
	return template.URL(place)
}

// china is where the service's days begin and end.
var china = time.FixedZone("CST", 8*3600)

// day says a moment as a date and time of day.
func day(t time.Time) string { return t.In(china).Format("2006年1月2日 15:04") }

// grouped writes a long number in groups of four.
func grouped(s string) string {
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), " ")
}

func askPath(text string) string { return "/?" + url.Values{"q": {text}}.Encode() }

// A regionChoice is one line of the region list.
type regionChoice struct {
	Code   corpus.RegionCode
	Label  string
	Chosen bool
}

// maxRegions is the length of the longest region list that is sent whole; of
// a longer one, the divisions far from the chosen one are left out.
const maxRegions = 300

// regionChoices lists the divisions in the order of their codes, which puts
// every division under its parent, and indents them by depth.
func regionChoices(all []answer.RegionCount, chosen corpus.RegionCode) []regionChoice {
	list := slices.Clone(all)
	slices.SortFunc(list, func(a, b answer.RegionCount) int { return strings.Compare(string(a.Code), string(b.Code)) })
	top := 5
	for _, r := range list {
		top = min(top, r.Code.Depth())
	}
	near := chosen
	if near.Depth() > 2 {
		near = near.Parent()
	}
	var choices []regionChoice
	for _, r := range list {
		depth := r.Code.Depth()
		if depth == 0 || len(list) > maxRegions && depth > 2 && !(near.Depth() >= 2 && r.Code.Within(near)) {
			continue
		}
		indent := strings.Repeat("　", depth-max(top, 1))
		choices = append(choices, regionChoice{r.Code, indent + r.Name, r.Code == chosen})
	}
	return choices
}
