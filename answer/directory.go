package answer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A directory holds the small records of an edition that are not searched:
// pinned questions, standing replies and the agencies' telephones.
type directory struct {
	hot      []*corpus.HotEntry // in the order in which they are shown
	replies  map[string]*corpus.ReplyEntry
	agencies map[string][]*corpus.AgencyEntry // by name and by alias
}

func (e *Engine) newDirectory(edition corpus.Edition) (directory, error) {
	d := directory{replies: map[string]*corpus.ReplyEntry{}, agencies: map[string][]*corpus.AgencyEntry{}}
	var err error
	if d.hot, err = collect[*corpus.HotEntry](e.Corpus.All(edition, corpus.TypeHot)); err != nil {
		return d, err
	}
	slices.SortStableFunc(d.hot, func(a, b *corpus.HotEntry) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), strings.Compare(a.ID, b.ID))
	})
	replies, err := collect[*corpus.ReplyEntry](e.Corpus.All(edition, corpus.TypeReply))
	if err != nil {
		return d, err
	}
	for _, r := range replies {
		d.replies[r.ID] = r
	}
	agencies, err := collect[*corpus.AgencyEntry](e.Corpus.All(edition, corpus.TypeAgency))
	for _, a := range agencies {
		for _, name := range append([]string{a.Name}, a.Aliases...) {
			d.agencies[name] = append(d.agencies[name], a)
		}
	}
	return d, err
}

// pinned lists the hot questions in force that hold in a region. The empty
// region is everywhere.
func (e *Engine) pinned(v *view, region corpus.RegionCode) []*corpus.HotEntry {
	var list []*corpus.HotEntry
	for _, h := range v.hot {
		at := h.Region.Code
		if h.Effective.Contains(e.Now()) && (region == "" || at == "" || region.Within(at)) {
			list = append(list, h)
		}
	}
	return list
}

// standing is the reply to what the guard has caught: the corpus's own where
// it has one in force, else the built-in one.
func (e *Engine) standing(v *view, f guard.Finding) guard.Reply {
	own, ok := v.replies[string(f.Class)]
	if !ok || !own.Effective.Contains(e.Now()) {
		return f.Reply
	}
	r := guard.Reply{Text: own.Text}
	for _, c := range own.Calls {
		r.Calls = append(r.Calls, guard.Call{Label: c.Label, Phone: c.Phone})
	}
	return r
}

// agencyOf is the entry of a guide's agency in the directory, nil if there is
// none in force. Of agencies of one name that of the guide's own region goes
// first, and one of another region never counts.
func (e *Engine) agencyOf(v *view, g *corpus.Guide) *corpus.AgencyEntry {
	var best *corpus.AgencyEntry
	for _, a := range v.agencies[g.Agency.Name] {
		at := a.Region.Code
		if !a.Effective.Contains(e.Now()) || at != "" && g.Region.Code != "" && !g.Region.Code.Within(at) {
			continue
		}
		if best == nil || len(strings.TrimRight(string(at), "0")) > len(strings.TrimRight(string(best.Region.Code), "0")) {
			best = a
		}
	}
	return best
}

// handOver says whom to ask instead about something that the guide does not
// publish: the agency, as the directory has it. It reports whether it could.
func (c *composed) handOver(agency *corpus.AgencyEntry, a nlp.Aspect) bool {
	if agency == nil {
		return false
	}
	field, label, phone := "phone", "咨询电话", agency.Phone
	if a == nlp.AspectComplaint {
		field, label, phone = "complaint", "监督投诉电话", agency.Complaint
	}
	if phone == "" {
		return false
	}
	c.facts = append(c.facts, Fact{Code: agency.Code, Field: field, Label: agency.Name + label, Value: phone,
		Source: FactSource{URL: agency.Source.URL, Updated: agency.Source.Updated}})
	c.say("可以拨打%s%s %s，或拨打政务服务便民热线 %s 咨询。", agency.Name, label, phone, hotline)
	if tel := telURL(phone); tel != "" {
		c.actions = append(c.actions, Action{"call", "拨打" + agency.Name, tel})
	}
	return true
}
