package desk

import (
	"errors"
	"sync"

	"github.com/govqa/govqa/corpus"
)

// reviewers remembers of one edition who published each matter's guide as it
// stands.
type reviewers struct {
	mu      sync.Mutex
	edition corpus.Edition
	known   map[string]string
}

// reviewer says who has published a matter's guide as it is in an edition.
func (d *Desk) reviewer(code string, edition corpus.Edition) (string, error) {
	r := &d.reviewed
	r.mu.Lock()
	if r.known == nil || r.edition != edition {
		r.edition, r.known = edition, map[string]string{}
	}
	name, ok := r.known[code]
	r.mu.Unlock()
	if ok {
		return name, nil
	}
	name, err := d.publisher(code, edition)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.edition == edition {
		r.known[code] = name
	}
	return name, nil
}

func (d *Desk) publisher(code string, edition corpus.Edition) (string, error) {
	history, err := d.Store.History(corpus.Key{Type: corpus.TypeGuide, ID: code})
	if errors.Is(err, corpus.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, rev := range history {
		if rev.Edition > edition {
			continue
		}
		info, err := d.Store.EditionAt(rev.Edition)
		return info.Actor, err
	}
	return "", nil
}
