package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/recommend"
)

// A diary is a Memory in memory.
type diary struct {
	model   *recommend.Model
	profile Profile
	steps   []recommend.Step // of everybody who is asked for
	noted   []Event
	kept    []Event
	err     error
}

func newDiary() *diary { return &diary{model: recommend.NewModel(recommend.Defaults())} }

func (d *diary) Append(_ context.Context, events []Event) (Recorded, error) {
	d.kept = append(d.kept, events...)
	return Recorded{Accepted: len(events)}, d.err
}

func (d *diary) Note(e Event) { d.noted = append(d.noted, e) }

func (d *diary) Recall(context.Context, string, int) (recommend.PersonKey, Profile, []recommend.Step, error) {
	if !d.profile.Personal() {
		return recommend.PersonKey{1}, d.profile, nil, d.err
	}
	return recommend.PersonKey{1}, d.profile, d.steps, d.err
}

func (d *diary) Personalize(_ context.Context, _ string, s Switch) (Profile, error) {
	d.profile.Off, d.profile.Agreed = !*s.On, *s.On
	return d.profile, d.err
}

func (d *diary) Export(context.Context, string) (Personal, error) { return Personal{}, d.err }
func (d *diary) Erase(context.Context, string) (Erased, error)    { return Erased{}, d.err }
func (d *diary) Model() *recommend.Model                          { return d.model }

// crowd makes n people do matters one after the other.
func (d *diary) crowd(n int, codes ...string) {
	for i := range n {
		var visits []recommend.Visit
		for j, c := range codes {
			number, _ := d.model.Matter(c)
			visits = append(visits, recommend.Visit{At: today.AddDate(0, 0, j-20).Unix(), Matter: number, Act: recommend.ActFinish})
		}
		k := recommend.PersonKey{2}
		copy(k[1:], fmt.Sprint(codes[0], i))
		d.model.Set(k, visits)
	}
}

const birthEntry, socialCard, childAllowance = "AL-HJ-001", "AL-SB-028", "AL-SY-008"

func remembering(t *testing.T, d *diary) *Engine {
	return sampleEngine(t, func(c *Config) { c.Memory = d })
}

func find(list []Recommendation, code string) (Recommendation, bool) {
	i := slices.IndexFunc(list, func(r Recommendation) bool { return r.Code == code })
	if i < 0 {
		return Recommendation{}, false
	}
	return list[i], true
}

func TestAnswerSaysWhatPeopleDoNext(t *testing.T) {
	d := newDiary()
	d.crowd(40, birthEntry, socialCard)
	a := ask(t, remembering(t, d), Request{Text: "出生登记要什么材料"})
	if a.Matters[0].Code != birthEntry {
		t.Fatalf("answered %+v", a.Matters[0])
	}
	r, ok := find(a.Recommendations, socialCard)
	if !ok || r.Support != 40 || r.Reason != "办理「出生登记」的人中100%接着办" {
		t.Errorf("%+v of %+v", r, a.Recommendations)
	}
	if r.Switch != "" {
		t.Errorf("a switch without a subject: %+v", r)
	}
	if _, ok := find(a.Recommendations, birthEntry); ok {
		t.Error("the matter itself is suggested")
	}
}

// The chat remembers when, and only when, the visitor agreed.
func TestAskIsNotedOnlyWithConsent(t *testing.T) {
	tests := []struct {
		why     string
		profile Profile
		subject string
		noted   int
	}{
		{"nobody named", Profile{Agreed: true}, "", 0},
		{"not asked yet", Profile{}, "u1", 0},
		{"agreed", Profile{Agreed: true}, "u1", 1},
		{"switched off since", Profile{Agreed: true, Off: true}, "u1", 0},
		{"a minor", Profile{Agreed: true, Minor: true}, "u1", 0},
	}
	for _, tt := range tests {
		d := newDiary()
		d.profile = tt.profile
		ask(t, remembering(t, d), Request{Text: "出生登记要什么材料", Subject: tt.subject})
		if len(d.noted) != tt.noted {
			t.Errorf("%s: %+v", tt.why, d.noted)
		}
		if tt.noted == 1 && (d.noted[0].Matter != birthEntry || d.noted[0].Type != "ask" || d.noted[0].Channel != ChannelChat) {
			t.Errorf("%s: %+v", tt.why, d.noted)
		}
	}
}

func TestWhatIsDoneIsNotSuggestedAfterAnAnswer(t *testing.T) {
	d := newDiary()
	d.crowd(40, birthEntry, socialCard)
	d.steps = []recommend.Step{{Matter: socialCard, At: today.AddDate(0, 0, -3), Act: recommend.ActFinish}}
	a := ask(t, remembering(t, d), Request{Text: "出生登记要什么材料", Subject: "u1"})
	if r, ok := find(a.Recommendations, socialCard); ok {
		t.Errorf("done and suggested: %+v", r)
	}
	if len(a.Recommendations) == 0 || a.Recommendations[0].Switch != "/api/v1/subjects/u1/personalization" {
		t.Errorf("%+v", a.Recommendations)
	}
}

// A history that cannot be read costs no answer.
func TestAnswerStandsWithoutTheHistory(t *testing.T) {
	d := newDiary()
	d.err = errors.New("disk on fire")
	a := ask(t, remembering(t, d), Request{Text: "出生登记要什么材料", Subject: "u1"})
	if a.Outcome != Answered || len(a.Recommendations) == 0 {
		t.Errorf("%s %+v", a.Outcome, a.Recommendations)
	}
}

func TestRecommend(t *testing.T) {
	d := newDiary()
	d.crowd(40, birthEntry, socialCard)
	e := remembering(t, d)
	page, err := e.Recommend(t.Context(), RecommendRequest{Region: "990101", Audience: corpus.Person, Limit: 3})
	if err != nil || page.Personalized || page.Switch != "" || len(page.Recommendations) != 3 {
		t.Fatalf("for everyone: %+v %v", page, err)
	}
	if r, ok := find(page.Recommendations, birthEntry); !ok || r.Kind != "popular" {
		t.Errorf("for everyone: %+v", page.Recommendations)
	}
	d.steps = []recommend.Step{{Matter: birthEntry, At: today.AddDate(0, 0, -3), Act: recommend.ActFinish}}
	page, err = e.Recommend(t.Context(), RecommendRequest{Subject: "u1"})
	if r, ok := find(page.Recommendations, childAllowance); err != nil || !page.Personalized || !ok || r.Kind != "next" {
		t.Errorf("for a parent: %+v %v", page, err)
	}
	d.profile.Off = true
	page, err = e.Recommend(t.Context(), RecommendRequest{Subject: "u1"})
	if _, ok := find(page.Recommendations, childAllowance); err != nil || page.Personalized || ok {
		t.Errorf("switched off: %+v %v", page, err)
	}
	d.err = ErrBadSubject
	if _, err := e.Recommend(t.Context(), RecommendRequest{Subject: "13800138000"}); !errors.Is(err, ErrBadSubject) {
		t.Errorf("a telephone as subject: %v", err)
	}
}

func TestChatEventsNeedConsent(t *testing.T) {
	d := newDiary()
	e := remembering(t, d)
	events := []Event{{Subject: "u1", Matter: birthEntry, Type: "view", Channel: ChannelChat}, {Subject: "u1", Matter: birthEntry, Type: "finish", Channel: "窗口"}}
	r, err := e.Record(t.Context(), events)
	if err != nil || r != (Recorded{Accepted: 1, Ignored: 1}) || d.kept[0].Type != "finish" {
		t.Errorf("without consent: %+v %v %+v", r, err, d.kept)
	}
	d.profile.Agreed = true
	if r, err := e.Record(t.Context(), events); err != nil || r.Accepted != 2 {
		t.Errorf("with consent: %+v %v", r, err)
	}
}

func TestWithoutAMemory(t *testing.T) {
	e := sampleEngine(t)
	if _, err := e.Record(t.Context(), nil); !errors.Is(err, ErrNoMemory) {
		t.Errorf("record: %v", err)
	}
	if _, err := e.EraseSubject(t.Context(), "u"); !errors.Is(err, ErrNoMemory) {
		t.Errorf("erase: %v", err)
	}
	page, err := e.Recommend(t.Context(), RecommendRequest{Matter: birthEntry})
	if _, ok := find(page.Recommendations, socialCard); err != nil || !ok {
		t.Errorf("after a matter the life events speak: %+v %v", page, err)
	}
}

func TestSensitive(t *testing.T) {
	tests := []struct {
		name   string
		themes []corpus.Theme
		want   bool
	}{
		{"残疾人证新办", nil, true},
		{"生育登记", nil, true},
		{"社会保障卡首次申领", []corpus.Theme{"社会保障"}, false},
		{"预约挂号", []corpus.Theme{"医疗卫生"}, true},
		{"无犯罪记录证明", nil, true},
		{"普通护照首次申领", []corpus.Theme{"出境入境"}, false},
	}
	for _, tt := range tests {
		if got := sensitive(&corpus.Guide{Matter: corpus.Matter{Name: tt.name, Themes: tt.themes}}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
