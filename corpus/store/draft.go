package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// A State is where a draft is on its way to be published.
type State string

// The states of a draft. Once published it ceases to be one.
const (
	Drafting  State = "draft"     // 草稿: with its editors
	Submitted State = "review"    // 待审核
	Returned  State = "returned"  // 退回: with its editors again, and a remark
	Approved  State = "approved"  // 已审核: a publisher may publish it
	Scheduled State = "scheduled" // 已排期: published when its time comes
)

// States lists every state in the order of the way.
var States = []State{Drafting, Submitted, Returned, Approved, Scheduled}

var (
	// ErrConflict means that a draft, or the published record that it was made
	// from, has been changed by somebody else since the caller read it.
	// Nothing is written then.
	ErrConflict = errors.New("已被他人修改")

	// ErrState means that a draft is not in the state that a step needs.
	ErrState = errors.New("草稿的状态不允许这样做")

	// ErrOwnWork means that somebody would review a draft that they have
	// edited since it was last approved.
	ErrOwnWork = errors.New("不能审核自己编辑过的草稿")

	// ErrNoReason means that a step that must be explained is not.
	ErrNoReason = errors.New("必须说明原因")
)

// A DraftRef names one version of a draft.
type DraftRef struct {
	Key     corpus.Key
	Version uint64
}

// A DraftInfo is all of a draft but its content.
type DraftInfo struct {
	Key      corpus.Key
	Title    string // what the record is called
	Version  uint64 // counts what was done to it, from 1
	State    State
	Remove   bool           // the record is to be removed
	Actor    string         // who saved it last
	Time     time.Time      // when
	Base     corpus.Edition // whose record it was made from
	Note     string         // why, in the editor's words
	Editors  []string       // who has changed it since it was last approved
	Reviewer string         // who approved or returned it last
	Reviewed time.Time      // when
	Remark   string         // what they, or the program, said of it
	At       time.Time      // when it is to be published, if scheduled
	Planner  string         // who scheduled it
	Batch    string         // the import that it came with
}

// Ref names the draft as it is.
func (d DraftInfo) Ref() DraftRef { return DraftRef{d.Key, d.Version} }

// A Draft is what an editor has saved and nobody has published.
type Draft struct {
	DraftInfo
	Record corpus.Record // nil if the record is to be removed
}

// An Edit is what an editor makes of a record.
type Edit struct {
	Record  corpus.Record  // as it shall be; nil to remove it
	Key     corpus.Key     // of the record to remove; else not needed
	Version uint64         // of the draft that was edited; 0 if there was none
	Base    corpus.Edition // whose record the editor has seen
	Note    string         // why
	Batch   string         // the import that it comes with
}

// A storedDraft is the form of a draft in the database.
type storedDraft struct {
	Actor    string         `json:"actor"`
	Time     time.Time      `json:"time"`
	Base     corpus.Edition `json:"base"`
	Line     string         `json:"line,omitempty"` // as text: encoding/json would rewrite a RawMessage; empty to remove
	Version  uint64         `json:"version,omitempty"`
	State    State          `json:"state,omitempty"`
	Title    string         `json:"title,omitempty"`
	Note     string         `json:"note,omitempty"`
	Editors  []string       `json:"editors,omitempty"`
	Reviewer string         `json:"reviewer,omitempty"`
	Reviewed time.Time      `json:"reviewed,omitzero"`
	Remark   string         `json:"remark,omitempty"`
	At       time.Time      `json:"at,omitzero"`
	Planner  string         `json:"planner,omitempty"`
	Batch    string         `json:"batch,omitempty"`
}

func (d *storedDraft) info(k corpus.Key) DraftInfo {
	return DraftInfo{
		Key: k, Title: d.Title, Version: d.Version, State: d.State, Remove: d.Line == "", Actor: d.Actor, Time: d.Time, Base: d.Base,
		Note: d.Note, Editors: d.Editors, Reviewer: d.Reviewer, Reviewed: d.Reviewed, Remark: d.Remark, At: d.At, Planner: d.Planner, Batch: d.Batch,
	}
}

func (d *storedDraft) draft(k corpus.Key) (Draft, error) {
	if d.Line == "" {
		return Draft{DraftInfo: d.info(k)}, nil
	}
	rec, err := record(k, []byte(d.Line))
	return Draft{d.info(k), rec}, err
}

// hash is the hash of what the draft makes of the record; zero if it removes it.
func (d *storedDraft) hash() (h corpus.Hash) {
	if d.Line != "" {
		h = corpus.HashOf([]byte(d.Line))
	}
	return h
}

// settled reports whether nobody is working on the draft any more.
func (d *storedDraft) settled() bool { return d.State == Approved || d.State == Scheduled }

func decodeDraft(k corpus.Key, value []byte) (d storedDraft, err error) {
	if err := json.Unmarshal(value, &d); err != nil {
		return d, fmt.Errorf("draft %s: %w: %w", k, ErrDamaged, err)
	}
	if d.Version == 0 { // of a time when drafts had no states
		d.Version, d.State, d.Editors = 1, Drafting, []string{d.Actor}
		if rec, err := record(k, []byte(d.Line)); err == nil {
			d.Title = corpus.Title(rec)
		}
	}
	if !slices.Contains(States, d.State) {
		return d, fmt.Errorf("draft %s: %w: state %q", k, ErrDamaged, d.State)
	}
	return d, nil
}

// SaveDraft keeps what an editor has made of a record, as a draft that has to
// be submitted, whatever its state was. A record that does not validate is
// refused with its *corpus.FieldErrors. The error is ErrConflict when the
// draft is not of the version that the editor has seen, or the published
// record is no longer that of the edition that they have seen, and
// corpus.ErrNotFound when there is no record to remove.
func (s *Store) SaveDraft(ctx context.Context, actor string, e Edit) (DraftInfo, error) {
	k, line, err := e.content()
	if err != nil {
		return DraftInfo{}, err
	}
	if err := s.beginWrite(ctx); err != nil {
		return DraftInfo{}, err
	}
	defer s.endWrite()
	old, err := s.draftAt(DraftRef{k, e.Version})
	if err != nil {
		return DraftInfo{}, err
	}
	live, err := s.unchangedSince(k, e.Base)
	if err != nil {
		return DraftInfo{}, err
	}
	d, err := e.draft(actor, line, old, live)
	if err != nil {
		return DraftInfo{}, err
	}
	d.Base = s.Edition()
	return d.info(k), s.putDraft(ctx, actor, "draft.save", d.Note, k, d)
}

// content is the key and the line of what the editor wants.
func (e *Edit) content() (corpus.Key, string, error) {
	if e.Record == nil {
		if e.Key.ID == "" || !slices.Contains(corpus.Types, e.Key.Type) {
			return e.Key, "", fmt.Errorf("%s: %w", e.Key, corpus.ErrNotFound)
		}
		return e.Key, "", nil
	}
	line, err := encode(e.Record)
	return e.Record.Key(), string(line), err
}

// draft is the new draft in place of the old one, nil if there was none, of a
// record that is published as live.
func (e *Edit) draft(actor, line string, old *storedDraft, live revision) (*storedDraft, error) {
	d := &storedDraft{Actor: actor, Time: now(), Line: line, Version: 1, State: Drafting, Note: e.Note, Batch: e.Batch, Editors: []string{actor}}
	if old != nil {
		d.Version, d.Batch = old.Version+1, old.Batch
		d.Reviewer, d.Reviewed, d.Remark = old.Reviewer, old.Reviewed, old.Remark
		if !old.settled() {
			d.Editors = withName(old.Editors, actor)
		}
	}
	switch {
	case e.Record != nil:
		d.Title = corpus.Title(e.Record)
	case live.line == nil:
		return nil, fmt.Errorf("%s: %w", e.Key, corpus.ErrNotFound)
	default:
		rec, err := record(e.Key, live.line)
		if err != nil {
			return nil, err
		}
		d.Title = corpus.Title(rec)
	}
	return d, nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func withName(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(slices.Clone(names), name)
}

// draftAt reads the draft that ref names. Version 0 stands for no draft, and
// for that nil is returned. Any other version than the one there is ErrConflict.
func (s *Store) draftAt(ref DraftRef) (*storedDraft, error) {
	d, err := s.storedDraft(ref.Key)
	switch {
	case errors.Is(err, corpus.ErrNotFound) && ref.Version == 0:
		return nil, nil
	case errors.Is(err, corpus.ErrNotFound):
		return nil, fmt.Errorf("%s：草稿已发布或已丢弃：%w", ref.Key, ErrConflict)
	case err != nil:
		return nil, err
	case d.Version != ref.Version:
		return nil, fmt.Errorf("%s：草稿第 %d 稿由 %s 保存：%w", ref.Key, d.Version, d.Actor, ErrConflict)
	}
	return &d, nil
}

// unchangedSince returns the published revision of a record, the zero one if
// there is none, or ErrConflict if edition e had another content.
func (s *Store) unchangedSince(k corpus.Key, e corpus.Edition) (revision, error) {
	if err := s.published(e); err != nil {
		return revision{}, err
	}
	v, err := s.newView(s.Edition(), recordPrefix(k))
	if err != nil {
		return revision{}, err
	}
	defer v.close()
	live, err := v.find(k, nil)
	if err != nil {
		return live, err
	}
	seen, err := v.findAt(k, e, nil)
	if err == nil && seen.hash() != live.hash() {
		err = fmt.Errorf("%s：第 %d 版以后又发布过修改（第 %d 版）：%w", k, e, live.edition, ErrConflict)
	}
	return live, err
}

// putDraft writes a draft, or deletes it if d is nil, with its entry in the
// audit log.
func (s *Store) putDraft(ctx context.Context, actor, action, detail string, k corpus.Key, d *storedDraft) error {
	c, err := draftCommit(actor, action, detail, k, d)
	if err != nil {
		return err
	}
	if _, err := s.commit(context.WithoutCancel(ctx), c); err != nil {
		return err
	}
	s.noteDraft(k, d)
	return nil
}

func draftCommit(actor, action, detail string, k corpus.Key, d *storedDraft) (*commit, error) {
	entry, err := newAudit(actor, action, k.String(), detail)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return &commit{audit: entry, deletes: [][]byte{draftKey(k)}}, nil
	}
	if entry.Detail = fmt.Sprintf("第 %d 稿", d.Version); detail != "" {
		entry.Detail += "：" + detail
	}
	value, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("draft %s: %w", k, err)
	}
	return &commit{audit: entry, sets: []pair{{draftKey(k), value}}}, nil
}

// Draft returns the draft of k, or corpus.ErrNotFound.
func (s *Store) Draft(k corpus.Key) (Draft, error) {
	if err := s.begin(); err != nil {
		return Draft{}, err
	}
	defer s.end()
	d, err := s.storedDraft(k)
	if err != nil {
		return Draft{}, err
	}
	return d.draft(k)
}

func (s *Store) storedDraft(k corpus.Key) (storedDraft, error) {
	value, err := s.get(draftKey(k))
	if err != nil {
		return storedDraft{}, err
	}
	if value == nil {
		return storedDraft{}, fmt.Errorf("draft %s: %w", k, corpus.ErrNotFound)
	}
	return decodeDraft(k, value)
}

// Drafts lists all drafts, without their content, in key order.
func (s *Store) Drafts() ([]DraftInfo, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	s.draftMu.Lock()
	defer s.draftMu.Unlock()
	if err := s.loadDrafts(); err != nil {
		return nil, err
	}
	if s.draftList == nil {
		s.draftList = make([]DraftInfo, 0, len(s.drafts))
		for _, d := range s.drafts {
			s.draftList = append(s.draftList, d)
		}
		slices.SortFunc(s.draftList, func(a, b DraftInfo) int { return compareKeys(a.Key, b.Key) })
	}
	return s.draftList[:len(s.draftList):len(s.draftList)], nil
}

// DraftCount counts the changes of drafts in this process: what was computed
// from Drafts at one count is good until the next.
func (s *Store) DraftCount() uint64 {
	s.draftMu.Lock()
	defer s.draftMu.Unlock()
	return s.draftCount
}

// loadDrafts reads the table of drafts once; after that noteDraft keeps it.
// The caller holds draftMu.
func (s *Store) loadDrafts() error {
	if s.drafts != nil {
		return nil
	}
	table := map[corpus.Key]DraftInfo{}
	err := s.scan([]byte(draftPrefix), func(key, value []byte) error {
		k, err := parseRecordKey(key[len(draftPrefix):])
		if err != nil {
			return err
		}
		d, err := decodeDraft(k, value)
		if err != nil {
			return err
		}
		table[k] = d.info(k)
		return nil
	})
	if err == nil {
		s.drafts = table
	}
	return err
}

// noteDraft takes down what has been written of a draft, nil for one that is gone.
func (s *Store) noteDraft(k corpus.Key, d *storedDraft) {
	s.draftMu.Lock()
	defer s.draftMu.Unlock()
	s.draftCount++
	s.draftList = nil
	if s.drafts == nil {
		return // whoever loads the table reads it from the disk
	}
	if d == nil {
		delete(s.drafts, k)
		return
	}
	s.drafts[k] = d.info(k)
}

// DropDraft removes a draft, whatever its state. Its version must be the one
// that the caller has seen, else the error is ErrConflict.
func (s *Store) DropDraft(ctx context.Context, actor string, ref DraftRef) error {
	if err := s.beginWrite(ctx); err != nil {
		return err
	}
	defer s.endWrite()
	if ref.Version == 0 {
		return fmt.Errorf("draft %s: %w", ref.Key, corpus.ErrNotFound)
	}
	d, err := s.draftAt(ref)
	if err != nil {
		return err
	}
	return s.putDraft(ctx, actor, "draft.drop", strings.Join(d.Editors, "、"), ref.Key, nil)
}

// clearDrafts deletes drafts that have become an edition, and then the mark
// that says so.
func (s *Store) clearDrafts(keys []corpus.Key) error {
	for chunk := range slices.Chunk(keys, groupSize) {
		var names [][]byte
		for _, k := range chunk {
			names = append(names, draftKey(k))
		}
		if err := s.deleteKeys(names); err != nil {
			return err
		}
		for _, k := range chunk {
			s.noteDraft(k, nil)
		}
	}
	return s.deleteKeys([][]byte{[]byte(clearingKey)})
}

func (s *Store) deleteKeys(keys [][]byte) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, key := range keys {
		if err := txn.Delete(key); err != nil {
			return classify(err)
		}
	}
	return s.commitTxn(txn)
}

// clearLeft deletes the published drafts that a crash has left behind.
func (s *Store) clearLeft() error {
	mark, err := s.get([]byte(clearingKey))
	if err != nil || mark == nil {
		return err
	}
	if len(mark) != numberLen {
		return fmt.Errorf("%w: key %q", ErrDamaged, clearingKey)
	}
	keys, err := s.staleDrafts(corpus.Edition(number(mark)))
	if err != nil {
		return err
	}
	s.log.Info("deleting published drafts", "edition", number(mark), "drafts", len(keys))
	return s.clearDrafts(keys)
}

// staleDrafts lists the drafts that edition e has published and a crash has
// left behind.
func (s *Store) staleDrafts(e corpus.Edition) ([]corpus.Key, error) {
	changed, err := s.changedKeys(e-1, e)
	if err != nil {
		return nil, err
	}
	v, err := s.newView(e, []byte(revisionPrefix))
	if err != nil {
		return nil, err
	}
	defer v.close()
	return slices.Collect(func(yield func(corpus.Key) bool) {
		for _, k := range changed {
			d, findErr := s.storedDraft(k)
			if errors.Is(findErr, corpus.ErrNotFound) {
				continue
			}
			live, liveErr := v.find(k, nil)
			if err = errors.Join(err, findErr, liveErr); err != nil {
				return
			}
			if d.settled() && d.hash() == live.hash() && !yield(k) {
				return
			}
		}
	}), err
}
