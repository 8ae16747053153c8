package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/recommend"
)

// A LifeEvent (一件事) is named in a list.
type LifeEvent struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Stage    string            `json:"stage"`    // 出生, 教育 …; may be empty
	Audience []corpus.Audience `json:"audience"` // empty means not published
	Region   string            `json:"region"`
	Steps    int               `json:"steps"`
}

// An EventGuide is a life event with all that its matters need.
type EventGuide struct {
	LifeEvent
	Matters   []EventStep
	Materials []SharedMaterial
	Source    corpus.Source
}

// An EventStep is one matter of a life event.
type EventStep struct {
	MatterRef
	Title    string   // what the step is called in the event
	Note     string   // may be empty
	Optional bool     // only for some people
	After    []string // titles of the steps to be done before
}

// A SharedMaterial is a material that one matter of an event or more ask for.
type SharedMaterial struct {
	Name string
	Uses []MaterialUse
}

// A MaterialUse says what one matter asks of a material, word for word.
type MaterialUse struct {
	Code, Matter string // of the matter
	About        string // the rest of the guide's entry; may be empty
}

// Events lists the life events in force that hold in a region, in the order
// of their ids. The empty region is everywhere.
func (e *Engine) Events(_ context.Context, region corpus.RegionCode) ([]LifeEvent, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	list := []LifeEvent{}
	for _, id := range slices.Sorted(maps.Keys(v.bundles)) {
		b := v.bundles[id]
		if region == "" || b.Region.Code == "" || region.Within(b.Region.Code) || b.Region.Code.Within(region) {
			list = append(list, lifeEvent(v, b))
		}
	}
	return list, nil
}

func lifeEvent(v *view, b *corpus.Bundle) LifeEvent {
	return LifeEvent{ID: b.ID, Name: b.Name, Stage: b.Stage, Audience: b.Audience, Region: regionName(v, b.Region), Steps: len(b.Steps)}
}

// Event returns a life event with its matters in order and the materials that
// they ask for, merged by name, or corpus.ErrNotFound. Matters that are not
// published or not in force are left out.
func (e *Engine) Event(_ context.Context, id string) (*EventGuide, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	b := v.bundles[id]
	if b == nil {
		return nil, fmt.Errorf("life event %s: %w", id, corpus.ErrNotFound)
	}
	event := &EventGuide{LifeEvent: lifeEvent(v, b), Source: b.Source}
	titles := map[string]string{}
	place := map[string]int{} // of a material in the list
	for _, s := range b.Steps {
		g, err := e.inForce(v, s.Matter)
		if errors.Is(err, corpus.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		titles[s.Matter] = cmp.Or(s.Name, g.Name)
		step := EventStep{MatterRef: refOf(v, g, 1, nil), Title: titles[s.Matter], Note: s.Note, Optional: s.Optional}
		for _, code := range s.After {
			if t := titles[code]; t != "" {
				step.After = append(step.After, t)
			}
		}
		event.Matters = append(event.Matters, step)
		event.addMaterials(g, place)
	}
	event.Steps = len(event.Matters)
	return event, nil
}

func (event *EventGuide) addMaterials(g *corpus.Guide, place map[string]int) {
	for _, m := range g.Materials {
		at, ok := place[m.Name]
		if !ok {
			at = len(event.Materials)
			place[m.Name] = at
			event.Materials = append(event.Materials, SharedMaterial{Name: m.Name})
		}
		event.Materials[at].Uses = append(event.Materials[at].Uses,
			MaterialUse{Code: g.Code, Matter: g.Name, About: strings.TrimPrefix(materialLine(m), m.Name)})
	}
}

// Around is what stands near a matter.
type Around struct {
	Situations []MatterRef      // other situations of the same matter (主项)
	Next       []Recommendation // what is often done next
	Related    []MatterRef      // that the guide names
	Events     []LifeEvent      // that it belongs to
}

// maxAround is the length of each list of Around.
const maxAround = 8

// Around returns what stands near a matter. Codes that name nothing are left out.
func (e *Engine) Around(ctx context.Context, g *corpus.Guide) (Around, error) {
	var a Around
	v := e.view.Load()
	if v == nil {
		return a, ErrNotReady
	}
	var err error
	if a.Situations, err = e.situations(ctx, v, g); err != nil {
		return a, err
	}
	a.Next = e.next(v, g.Code)
	for _, code := range g.Related {
		if r, err := e.inForce(v, code); err == nil && len(a.Related) < maxAround {
			a.Related = append(a.Related, refOf(v, r, 1, nil))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.bundles)) {
		b := v.bundles[id]
		if slices.ContainsFunc(b.Steps, func(s corpus.Step) bool { return s.Matter == g.Code }) && len(a.Events) < maxAround {
			a.Events = append(a.Events, lifeEvent(v, b))
		}
	}
	return a, nil
}

// next lists what is often done after a matter, for whoever reads its page.
func (e *Engine) next(v *view, code string) []Recommendation {
	return e.suggest(v, &recommend.Query{About: code, Now: e.Now()}, recommended, "")
}

// situations finds the other matters with the same parent in the same place.
func (e *Engine) situations(ctx context.Context, v *view, g *corpus.Guide) ([]MatterRef, error) {
	if g.Parent == "" {
		return nil, nil
	}
	hits, err := e.searchHits(ctx, v, SearchRequest{Text: g.Parent, Region: g.Region.Code})
	if err != nil {
		return nil, err
	}
	var list []MatterRef
	for _, h := range hits[:min(len(hits), 40)] {
		other, err := e.guide(v, h.Key.ID)
		if err != nil || other.Code == g.Code || other.Parent != g.Parent || other.Region.Code != g.Region.Code || len(list) == maxAround {
			continue
		}
		list = append(list, refOf(v, other, 1, nil))
	}
	slices.SortFunc(list, func(a, b MatterRef) int { return cmp.Compare(a.Code, b.Code) })
	return list, nil
}
