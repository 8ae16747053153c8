package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/recommend"
)

var (
	// ErrNoMemory means that this installation keeps no events.
	ErrNoMemory = errors.New("no events are kept")

	// ErrBadEvent means that an event cannot be meant.
	ErrBadEvent = errors.New("bad event")

	// ErrBadSubject means that a subject is none, or a number that the law
	// protects.
	ErrBadSubject = errors.New("bad subject")
)

// An Event is what somebody did with a matter.
type Event struct {
	ID      string            `json:"id,omitempty"`
	Subject string            `json:"subject,omitempty"` // a pseudonym
	Matter  string            `json:"matter"`
	Type    string            `json:"type"` // of recommend.ActNames
	Time    time.Time         `json:"time,omitzero"`
	Region  corpus.RegionCode `json:"region,omitempty"`
	Channel string            `json:"channel,omitempty"` // ChannelChat for the chat's own
	Value   float64           `json:"value,omitempty"`   // of a rating
}

// ChannelChat marks the events of the chat, which are kept only of visitors
// who agreed.
const ChannelChat = "chat"

// Recorded says what became of events.
type Recorded struct {
	Accepted int `json:"accepted"`
	Repeated int `json:"repeated"` // were there already
	Ignored  int `json:"ignored"`  // of people who are not to be remembered
}

// A Profile is what is known of a person beside their events.
type Profile struct {
	Region   corpus.RegionCode `json:"region,omitempty"`
	Audience corpus.Audience   `json:"audience,omitempty"`
	Minor    bool              `json:"minor"`
	Off      bool              `json:"off"`    // personalisation is switched off
	Agreed   bool              `json:"agreed"` // the chat may remember
}

// Personal reports whether the person's history may be kept and read.
func (p Profile) Personal() bool { return !p.Off && !p.Minor }

// A Switch changes a profile; what is nil stays.
type Switch struct {
	On       *bool
	Minor    *bool
	Region   *corpus.RegionCode
	Audience *corpus.Audience
}

// A Personal is all that is kept of a subject.
type Personal struct {
	Profile Profile `json:"profile"`
	Events  []Event `json:"events"` // the newest first
}

// An Erased confirms that a subject was erased.
type Erased struct {
	Events int       `json:"events"`
	At     time.Time `json:"at"`
}

// A Memory keeps what people did: recommend/history, or a fake in tests.
type Memory interface {
	Append(ctx context.Context, events []Event) (Recorded, error)
	// Note keeps an event in the background: no citizen waits for it.
	Note(e Event)
	// Recall returns the newest steps of a subject, none if the profile
	// forbids it.
	Recall(ctx context.Context, subject string, limit int) (recommend.PersonKey, Profile, []recommend.Step, error)
	Personalize(ctx context.Context, subject string, s Switch) (Profile, error)
	Export(ctx context.Context, subject string) (Personal, error)
	Erase(ctx context.Context, subject string) (Erased, error)
	// Model is what is counted of all events.
	Model() *recommend.Model
}

// A RecommendRequest asks what somebody is likely to need.
type RecommendRequest struct {
	Subject  string
	Matter   string // after which; may be empty
	Region   corpus.RegionCode
	Audience corpus.Audience
	Limit    int // 1 to 50; 0 means 10
}

// A RecommendPage is a list of what somebody is likely to need.
type RecommendPage struct {
	Recommendations []Recommendation `json:"recommendations"`
	Personalized    bool             `json:"personalized"` // whether the subject's history was read
	Switch          string           `json:"switch"`       // where personalisation is switched off; empty without a subject
	Edition         corpus.Edition   `json:"edition"`
}

// remembered is how many of the newest events of a history are read.
const remembered = 50

// Recommend lists what somebody is likely to need next. Without a history, or
// where it must not be read, the list rests on region, audience and season.
func (e *Engine) Recommend(ctx context.Context, r RecommendRequest) (RecommendPage, error) {
	v := e.view.Load()
	if v == nil {
		return RecommendPage{}, ErrNotReady
	}
	q := recommend.Query{About: r.Matter, Region: r.Region, Audience: r.Audience, Now: e.Now()}
	page := RecommendPage{Edition: v.edition}
	if r.Subject != "" {
		profile, err := e.recall(ctx, r.Subject, &q)
		if err != nil {
			return page, err
		}
		page.Personalized, page.Switch = profile.Personal() && e.Memory != nil, switchLink(r.Subject)
	}
	page.Recommendations = e.suggest(v, &q, min(max(cmp.Or(r.Limit, 10), 1), 50), page.Switch)
	return page, nil
}

func switchLink(subject string) string {
	return "/api/v1/subjects/" + url.PathEscape(subject) + "/personalization"
}

// recall reads a subject's history into a query.
func (e *Engine) recall(ctx context.Context, subject string, q *recommend.Query) (Profile, error) {
	if e.Memory == nil {
		return Profile{}, nil
	}
	person, profile, steps, err := e.Memory.Recall(ctx, subject, remembered)
	if err != nil {
		return profile, err
	}
	q.Person, q.Steps = person, steps
	if profile.Personal() {
		q.Region = cmp.Or(q.Region, profile.Region)
		q.Audience = cmp.Or(q.Audience, profile.Audience)
	}
	return profile, nil
}

// suggest makes the list of a query.
func (e *Engine) suggest(v *view, q *recommend.Query, n int, off string) []Recommendation {
	catalogue := e.catalogue(v)
	model := e.idle
	if e.Memory != nil {
		model = e.Memory.Model()
	}
	p := model.Params()
	blend := recommend.NewBlend(model, v.life, p,
		recommend.Weighted{Source: recommend.Renewals{Catalogue: catalogue}, Weight: p.Renewal})
	if q.About == "" { // after an answer only what follows from it
		blend = append(blend, recommend.Weighted{Source: recommend.Similar{Find: e.alike(v, model)}, Weight: p.Similar})
	}
	if q.About == "" && len(q.Steps) == 0 {
		blend = append(blend, recommend.Weighted{Source: recommend.Entrances{Events: v.life}, Weight: entrances})
	}
	rules := recommend.Rules{Catalogue: catalogue, Events: v.life, Model: model, Names: recommend.Namer{Region: func(r corpus.RegionCode) string {
		name, _ := v.divisions.Name(r)
		return name
	}}}
	list := []Recommendation{}
	for _, s := range rules.Suggest(blend, q, n) {
		item, _ := catalogue(s.Code)
		list = append(list, Recommendation{Code: s.Code, Name: item.Name, Reason: s.Reason, Kind: string(s.Kind), Source: s.Source,
			From: s.From, Support: s.Support, Rest: s.Rest, Switch: off})
	}
	return list
}

// entrances weighs the beginnings of life events: they only fill up.
const entrances = .001

// after lists what comes after a matter that was answered.
func (e *Engine) after(v *view, u *understood, g *corpus.Guide) []Recommendation {
	q := recommend.Query{About: g.Code, Region: u.request.Region, Audience: u.request.Audience, Now: e.Now()}
	off := ""
	if subject := u.request.Subject; subject != "" && e.Memory != nil {
		profile, err := e.recall(context.Background(), subject, &q)
		switch {
		case err != nil:
			e.Log.Warn("history not read", "err", err) // the answer stands without it
		default:
			off = switchLink(subject)
			if profile.Personal() && profile.Agreed && !u.request.Silent {
				e.Memory.Note(Event{Subject: subject, Matter: g.Code, Type: "ask", Time: e.Now(), Region: u.region, Channel: ChannelChat})
			}
		}
	}
	return e.suggest(v, &q, recommended, off)
}

// catalogue looks up matters for the rules; what it has read of an edition it
// remembers.
func (e *Engine) catalogue(v *view) recommend.Catalogue {
	now := e.Now()
	return func(code string) (recommend.Item, bool) {
		known, ok := v.items.Load(code)
		if !ok {
			g, err := e.guide(v, code)
			if err != nil {
				return recommend.Item{}, false // removed since, or never published here
			}
			known, _ = v.items.LoadOrStore(code, &listed{itemOf(g), g.Effective})
		}
		l := known.(*listed)
		item := l.item
		item.InForce = l.effective.Contains(now)
		return item, true
	}
}

// A listed matter is what is remembered of one for the rules.
type listed struct {
	item      recommend.Item
	effective corpus.Period
}

func itemOf(g *corpus.Guide) recommend.Item {
	return recommend.Item{
		Code: g.Code, Name: g.Name, Agency: g.Agency.Name, Themes: g.Themes, Audience: corpus.AudienceSetOf(g.Audience),
		Region: g.Region.Code, Renews: recommend.RenewalOf(g.Name, g.Validity), Sensitive: sensitive(g),
	}
}

// sensitiveThemes and sensitiveName mark matters that tell of health, faith,
// need, family or punishment (sensitive personal information, PIPL 28): from
// reading about one nothing is concluded.
var (
	sensitiveThemes = []corpus.Theme{"生育收养", "民族宗教", "医疗卫生", "优待抚恤", "死亡殡葬"}
	sensitiveName   = regexp.MustCompile(`残疾|低保|最低生活|救助|特困|困难|孤儿|精神|戒毒|艾滋|传染|病|刑满|矫正|离婚|妊娠|流产|宗教|生育|孕|死亡|丧葬|犯罪`)
)

func sensitive(g *corpus.Guide) bool {
	return sensitiveName.MatchString(g.Name) ||
		slices.ContainsFunc(g.Themes, func(t corpus.Theme) bool { return slices.Contains(sensitiveThemes, t) })
}

// newPeople is how many people make a matter known: until then its content
// speaks for it.
const newPeople = 20

// alike finds matters whose names and texts are like a matter's, for those
// that too few people have done to be counted on.
func (e *Engine) alike(v *view, model *recommend.Model) func(string, int) []string {
	return func(code string, n int) []string {
		if known, ok := v.alike.Load(code); ok {
			return known.([]string)
		}
		item, ok := e.catalogue(v)(code)
		if !ok {
			return nil
		}
		question := v.parser.Parse(item.Name)
		hits, err := e.Index.Search(context.Background(), index.Query{Question: &question, Filter: index.Filter{On: e.Now()}, Limit: n + 1})
		if err != nil {
			e.Log.Warn("similar matters not found", "err", err)
			return nil
		}
		codes := []string{}
		for _, h := range hits {
			if _, people := model.Passages(h.Key.ID, ""); h.Key.ID != code && people < newPeople {
				codes = append(codes, h.Key.ID)
			}
		}
		v.alike.Store(code, codes)
		return codes
	}
}

// Record keeps events. Those of the chat are kept only of people who agreed.
func (e *Engine) Record(ctx context.Context, events []Event) (Recorded, error) {
	if e.Memory == nil {
		return Recorded{}, ErrNoMemory
	}
	var kept []Event
	for _, ev := range events {
		if ev.Channel == ChannelChat {
			_, profile, _, err := e.Memory.Recall(ctx, ev.Subject, 0)
			if err != nil {
				return Recorded{}, err
			}
			if !profile.Agreed {
				continue
			}
		}
		kept = append(kept, ev)
	}
	r, err := e.Memory.Append(ctx, kept)
	if err == nil {
		r.Ignored += len(events) - len(kept)
	}
	return r, err
}

// Personalize switches personalisation and says what is known of a subject.
// It holds from the next call on.
func (e *Engine) Personalize(ctx context.Context, subject string, s Switch) (Profile, error) {
	if e.Memory == nil {
		return Profile{}, ErrNoMemory
	}
	return e.Memory.Personalize(ctx, subject, s)
}

// ExportSubject returns all that is kept of a subject.
func (e *Engine) ExportSubject(ctx context.Context, subject string) (Personal, error) {
	if e.Memory == nil {
		return Personal{}, ErrNoMemory
	}
	p, err := e.Memory.Export(ctx, subject)
	if err != nil {
		return p, fmt.Errorf("export: %w", err)
	}
	return p, nil
}

// EraseSubject erases a subject.
func (e *Engine) EraseSubject(ctx context.Context, subject string) (Erased, error) {
	if e.Memory == nil {
		return Erased{}, ErrNoMemory
	}
	return e.Memory.Erase(ctx, subject)
}
