package recommend

import (
	"fmt"
	"time"

	"github.com/govqa/govqa/corpus"
)

// says reports whether the reason has more to say than that people go on so.
func (r Reason) says() bool {
	return r.Kind != KindNext || r.Order != OrderNone || r.People >= minPeople
}

// A Namer gives the names that reasons are worded with; "" if it has none.
type Namer struct {
	Matter func(code string) string
	Region func(code corpus.RegionCode) string
	About  string // the matter that the list stands under; reasons may say 这一项
}

// Text words the reason in plain Chinese. A share is given only where twenty
// people stand behind it.
func (r Reason) Text(n Namer) string {
	from := ""
	if r.From != "" && n.Matter != nil {
		from = n.Matter(r.From)
	}
	switch r.Kind {
	case KindRenewal:
		return r.renewal(from)
	case KindSeason:
		return fmt.Sprintf("往年%d月前后办理的人较多", int(r.Month))
	case KindPopular:
		return r.popular(n)
	case KindSimilar:
		if from == "" {
			return "与您看过的事项内容相近"
		}
		return fmt.Sprintf("与「%s」内容相近", from)
	}
	short := from
	if r.From == n.About {
		short = ""
	}
	switch r.Order {
	case OrderAfter:
		return fmt.Sprintf("「%s」中，办完%s就可以办它", r.Bundle, named(short, "这一项"))
	case OrderLater:
		return fmt.Sprintf("「%s」后面还要办的事项", r.Bundle)
	case OrderAlong:
		return fmt.Sprintf("「%s」里通常一起办的事项", r.Bundle)
	case OrderEntrance:
		return fmt.Sprintf("「%s」从这一项开始", r.Bundle)
	case OrderFirst:
		return fmt.Sprintf("「%s」中，办%s要先办它", r.Bundle, named(from, "后面的事项"))
	}
	if r.People >= minPeople && r.Of >= r.People && from != "" {
		return fmt.Sprintf("办理「%s」的人中%d%%接着办", from, (100*r.People+r.Of/2)/r.Of)
	}
	if from != "" && r.People > 0 {
		return fmt.Sprintf("有人办理「%s」后接着办", from)
	}
	if from != "" {
		return fmt.Sprintf("有人看了「%s」也看了它", from)
	}
	return "有人办过与您相近的事项，也办了它"
}

func named(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return "「" + name + "」"
}

func (r Reason) renewal(from string) string {
	what := "您办过的「" + from + "」"
	switch {
	case r.Quote != "" && r.Due.IsZero():
		return what + "的有效期是" + r.Quote
	case r.Quote != "":
		return fmt.Sprintf("%s有效期%s，约在%s到期", what, r.Quote, month(r.Due))
	}
	return fmt.Sprintf("%s每年都要办，上次是%s", what, month(r.Due.AddDate(-1, 0, 0)))
}

func month(t time.Time) string { return fmt.Sprintf("%d年%d月", t.Year(), int(t.Month())) }

func (r Reason) popular(n Namer) string {
	where := "全国"
	if r.Region != "" && n.Region != nil {
		where = n.Region(r.Region)
	}
	if r.Region == "" {
		where = ""
	}
	return where + "近来办理较多"
}

// support is the number of people that a suggestion may name.
func (r Reason) support() int {
	if r.People < minPeople {
		return 0
	}
	return r.People
}
