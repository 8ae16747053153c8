package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// A Gate judges an edition before it is published: what it would change of
// the current one. The error is for a judgement that could not be made; it
// stops the publication, too.
type Gate func(ctx context.Context, changes []corpus.Change) (GateReport, error)

// A GateReport is what a Gate found.
type GateReport struct {
	Passed   bool     `json:"passed"`
	Summary  string   `json:"summary"`            // one line in Chinese, as hit@1 0.91 → 0.89
	Failures []string `json:"failures,omitempty"` // in Chinese, for the publisher
}

// ErrGate means that the gate objects to a publication. The error is a
// *GateError.
var ErrGate = errors.New("未通过发布前检查")

// A GateError is the objection of a gate.
type GateError struct{ Report GateReport }

func (e *GateError) Error() string {
	return ErrGate.Error() + "：" + strings.Join(append([]string{e.Report.Summary}, e.Report.Failures...), "；")
}

// Is makes a GateError an ErrGate.
func (e *GateError) Is(target error) bool { return target == ErrGate }

// SetGate has drafts judged before they are published; nil ends that.
func (s *Store) SetGate(g Gate) { s.gate.Store(&g) }

// Judge asks the gate about drafts without publishing them. Without a gate
// the report has passed and says nothing.
func (s *Store) Judge(ctx context.Context, refs []DraftRef) (GateReport, error) {
	if err := s.begin(); err != nil {
		return GateReport{}, err
	}
	defer s.end()
	g := s.gate.Load()
	if g == nil || *g == nil {
		return GateReport{Passed: true}, nil
	}
	refs = distinctRefs(refs)
	drafts, err := s.draftsAt(refs)
	if err != nil {
		return GateReport{}, err
	}
	changes := make([]corpus.Change, len(refs))
	for i, stored := range drafts {
		d, err := stored.draft(refs[i].Key)
		if err != nil {
			return GateReport{}, err
		}
		changes[i] = corpus.Change{Key: d.Key, Record: d.Record}
	}
	report, err := (*g)(ctx, changes)
	if err != nil {
		return report, fmt.Errorf("发布前检查：%w", err)
	}
	return report, nil
}

// A Publication is what a publisher wants to be published.
type Publication struct {
	Actor    string
	Note     string     // why, for the edition's header
	Drafts   []DraftRef // approved or scheduled
	Override string     // why an objection of the gate is passed over; empty heeds it
}

// PublishDrafts publishes one edition with all of the drafts, which then cease
// to be drafts. The gate is asked first; if it objects the error is a
// *GateError, unless the publisher says why it is to be published all the
// same, which is audited. Nothing is published, and the drafts stay, if one
// of them is not approved (ErrState) or has changed (ErrConflict), if the
// record that one was made from has been published anew since (ErrConflict),
// or if all of them equal the current edition (ErrUnchanged).
func (s *Store) PublishDrafts(ctx context.Context, p Publication) (EditionInfo, error) {
	p.Drafts, p.Override = distinctRefs(p.Drafts), strings.TrimSpace(p.Override)
	report, err := s.Judge(ctx, p.Drafts)
	if err != nil {
		return EditionInfo{}, err
	}
	if !report.Passed && p.Override == "" {
		return EditionInfo{}, &GateError{report}
	}
	if !report.Passed {
		if err := s.Audit(ctx, p.Actor, "gate.override", fmt.Sprintf("%d 条草稿", len(p.Drafts)), p.Override+"；"+(&GateError{report}).Error()); err != nil {
			return EditionInfo{}, err
		}
		p.Note = strings.TrimPrefix(p.Note+"；越过发布前检查："+p.Override, "；")
	}
	keys := make([]corpus.Key, len(p.Drafts))
	for i, ref := range p.Drafts {
		keys[i] = ref.Key
	}
	info := EditionInfo{Actor: p.Actor, Note: p.Note, Kind: "drafts"}
	return s.edit(ctx, info, keys, func(next *pending, base *view) error {
		var errs []error
		for _, ref := range p.Drafts {
			err := s.publishDraft(next, base, ref)
			if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrState) && !errors.Is(err, corpus.ErrNotFound) {
				return err
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

func (s *Store) publishDraft(p *pending, base *view, ref DraftRef) error {
	if ref.Version == 0 {
		return fmt.Errorf("draft %s: %w", ref.Key, corpus.ErrNotFound)
	}
	d, err := s.draftAt(ref)
	if err != nil {
		return err
	}
	if !d.settled() {
		return fmt.Errorf("%s「%s」：%w", ref.Key, d.Title, stateError(d, Approved, Scheduled))
	}
	live, err := base.find(ref.Key, nil)
	if err != nil {
		return err
	}
	seen, err := base.findAt(ref.Key, d.Base, nil)
	switch {
	case err != nil || live.hash() == d.hash():
		return err
	case seen.hash() != live.hash():
		return fmt.Errorf("%s「%s」：草稿依据第 %d 版，此后又发布过修改（第 %d 版）：%w", ref.Key, d.Title, d.Base, live.edition, ErrConflict)
	case d.Line == "":
		return p.put(ref.Key, live, nil)
	}
	return p.put(ref.Key, live, []byte(d.Line))
}

// NextDue returns when the next scheduled draft is to be published; ok is
// false if there is none.
func (s *Store) NextDue() (at time.Time, ok bool, err error) {
	list, err := s.Drafts()
	for _, d := range list {
		if d.State == Scheduled && (!ok || d.At.Before(at)) {
			at, ok = d.At, true
		}
	}
	return at, ok, err
}

// PublishDue publishes, in one edition, the drafts whose time has come by t.
// Those that cannot be, because the record has been published anew since or
// the gate objects, go back to the publishers with a remark, so that what is
// due is tried once. With nothing to publish the error is ErrUnchanged.
func (s *Store) PublishDue(ctx context.Context, t time.Time) (EditionInfo, error) {
	list, err := s.Drafts()
	if err != nil {
		return EditionInfo{}, err
	}
	p := Publication{Actor: BySystem, Note: "定时发布"}
	for _, d := range list {
		if d.State != Scheduled || d.At.After(t) {
			continue
		}
		if _, err := s.unchangedSince(d.Key, d.Base); errors.Is(err, ErrConflict) {
			if err := s.giveBack(ctx, []DraftRef{d.Ref()}, err); err != nil {
				return EditionInfo{}, err
			}
			continue
		} else if err != nil {
			return EditionInfo{}, err
		}
		p.Drafts = append(p.Drafts, d.Ref())
	}
	if len(p.Drafts) == 0 {
		return EditionInfo{}, ErrUnchanged
	}
	info, err := s.PublishDrafts(ctx, p)
	if errors.Is(err, ErrGate) || errors.Is(err, ErrUnchanged) {
		return info, errors.Join(err, s.giveBack(ctx, p.Drafts, err))
	}
	return info, err
}

// giveBack takes drafts off the schedule because of an error.
func (s *Store) giveBack(ctx context.Context, refs []DraftRef, why error) error {
	remark := "到期没有发布：" + why.Error()
	return s.moveDrafts(ctx, BySystem, "draft.unschedule", remark, refs, func(d *storedDraft) error {
		if d.State != Scheduled {
			return stateError(d, Scheduled)
		}
		d.State, d.At, d.Remark = Approved, time.Time{}, remark
		return nil
	})
}
