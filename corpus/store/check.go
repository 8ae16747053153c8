package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/corpus"
)

// A CheckReport says what Check walked through and what it found wrong.
type CheckReport struct {
	Editions  int
	Records   int // in the current edition
	Revisions int
	Facts     int
	Drafts    int
	Users     int
	Docs      int
	Audit     AuditHead // where the audit log ends
	Faults    int       // how many things are wrong
	Findings  []string  // the first MaxFindings of them, in Chinese
	Warnings  []string  // records that today's format would refuse; they are whole, so OK
}

// MaxFindings is how many faults a CheckReport describes.
const MaxFindings = 200

// OK reports whether nothing is wrong.
func (r *CheckReport) OK() bool { return r.Faults == 0 }

func (r *CheckReport) find(format string, args ...any) {
	if r.Faults++; len(r.Findings) < MaxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

// Check walks through everything that is stored and compares it with itself:
// every edition's counts and sum with its changes, every change with its
// revision, every revision with the format, and the journal with its numbers.
// Publications wait while it runs. The error is that of ctx or of a closed
// store; what is wrong with the data goes into the report.
func (s *Store) Check(ctx context.Context) (CheckReport, error) {
	if err := s.begin(); err != nil {
		return CheckReport{}, err
	}
	defer s.end()
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return CheckReport{}, ctx.Err()
	}
	defer func() { <-s.writer }()

	var report CheckReport
	if err := s.db.VerifyChecksum(); err != nil {
		report.find("数据文件校验和不符：%v", err)
	}
	end := s.AuditHead()
	err := s.readTxn(func(txn *badger.Txn) error {
		c := &checker{audit: end, ctx: ctx, txn: txn, report: &report, state: map[corpus.Key]checked{}}
		return c.run()
	})
	return report, err
}

type checker struct {
	ctx     context.Context
	txn     *badger.Txn
	report  *CheckReport
	headers []EditionInfo
	state   map[corpus.Key]checked // the records as of the changes walked through
	changes int
	steps   int
	audit   AuditHead // at least this far the audit log must go
}

type checked struct {
	hash   corpus.Hash // zero when removed
	number uint64
}

func (c *checker) run() error {
	for _, step := range []func() error{c.walkHeaders, c.walkChanges, c.walkRevisions, c.walkFacts, c.walkDrafts, c.walkUsers, c.walkAudit, c.walkDocs, c.walkRest} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// walk calls f for each key of a prefix. An error while reading is a finding;
// only the end of ctx is an error.
func (c *checker) walk(prefix string, f func(key, value []byte) error) error {
	err := scan(c.txn, []byte(prefix), func(key, value []byte) error {
		if c.steps++; c.steps%progressEvery == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if err := f(key, value); err != nil {
			c.report.find("%q：%v", key, err)
		}
		return nil
	})
	if err != nil && c.ctx.Err() == nil {
		c.report.find("读取 %s 时出错：%v", prefix, err)
		err = nil
	}
	return err
}

func (c *checker) walkHeaders() error {
	return c.walk(headerPrefix, func(key, value []byte) error {
		info, err := decodeHeader(key, value)
		if err != nil {
			return err
		}
		if want := corpus.Edition(len(c.headers) + 1); info.Number != want {
			c.report.find("版本不连续：应为第 %d 版，却是第 %d 版", want, info.Number)
		}
		c.headers = append(c.headers, info)
		c.report.Editions++
		return nil
	})
}

// An account is what the changes of one edition add up to.
type account struct {
	info EditionInfo
	sum  sum
}

// walkChanges replays the history, edition by edition.
func (c *checker) walkChanges() error {
	acc := account{info: EditionInfo{Records: map[corpus.Type]int{}}}
	for _, h := range c.headers {
		acc.info.Added, acc.info.Changed, acc.info.Removed = 0, 0, 0
		err := c.walk(string(editionPrefix(h.Number)), func(key, value []byte) error {
			return c.replay(&acc, key, value)
		})
		if err != nil {
			return err
		}
		c.compare(h, acc)
	}
	c.report.Records = acc.info.Total()
	return nil
}

func (c *checker) replay(acc *account, key, value []byte) error {
	c.changes++
	k, e, err := parseChangeKey(key)
	if err != nil {
		return err
	}
	ch, err := decodeChange(value)
	if err != nil {
		return err
	}
	was := c.state[k]
	if ch.before != was.hash || ch.number != was.number+1 {
		c.report.find("%s：第 %d 版的修改与此前的内容不衔接", k, e)
	}
	c.state[k] = checked{ch.after, ch.number}
	acc.info.count(k.Type, ch.op)
	acc.sum.apply(k, ch)
	return c.checkRevision(k, e, ch)
}

// checkRevision compares a change with its revision.
func (c *checker) checkRevision(k corpus.Key, e corpus.Edition, ch change) error {
	item, err := c.txn.Get(revisionKey(k, e))
	if err != nil {
		return fmt.Errorf("没有对应的内容：%w", err)
	}
	return item.Value(func(v []byte) error {
		r, err := decodeRevision(e, v)
		if err != nil {
			return err
		}
		if r.number != ch.number || r.hash() != ch.after {
			c.report.find("%s：第 %d 版的内容与登记的校验和不符", k, e)
		}
		if (r.line == nil) != (ch.op == OpRemove) {
			c.report.find("%s：第 %d 版登记为%s，内容却不是", k, e, ch.op)
		}
		return c.checkLine(k, r.line)
	})
}

func (c *checker) checkLine(k corpus.Key, line []byte) error {
	if line == nil {
		return nil
	}
	rec, err := corpus.Unmarshal(line)
	if err != nil {
		return err
	}
	if rec.Key() != k {
		return fmt.Errorf("内容是 %s", rec.Key())
	}
	// The rules may be stricter now than when the record was taken in.
	if err := rec.Validate(); err != nil && len(c.report.Warnings) < MaxFindings {
		c.report.Warnings = append(c.report.Warnings, err.Error())
	}
	return nil
}

// compare holds a header against what its changes add up to.
func (c *checker) compare(h EditionInfo, acc account) {
	if h.Added != acc.info.Added || h.Changed != acc.info.Changed || h.Removed != acc.info.Removed {
		c.report.find("第 %d 版应新增 %d、修改 %d、删除 %d 条，实为 %d、%d、%d", h.Number,
			h.Added, h.Changed, h.Removed, acc.info.Added, acc.info.Changed, acc.info.Removed)
	}
	if !maps.Equal(h.Records, acc.info.Records) {
		c.report.find("第 %d 版应有 %d 条记录，实有 %d 条", h.Number, h.Total(), acc.info.Total())
	}
	if h.Sum != acc.sum.String() {
		c.report.find("第 %d 版的总校验和不符", h.Number)
	}
}

// walkRevisions looks for revisions that no change tells of.
func (c *checker) walkRevisions() error {
	err := c.walk(revisionPrefix, func(key, _ []byte) error {
		c.report.Revisions++
		k, e, err := parseRevisionKey(key)
		if err != nil {
			return err
		}
		if int(e) > len(c.headers) {
			return fmt.Errorf("属于没有发布的第 %d 版", e)
		}
		if _, err := c.txn.Get(changeKey(e, k)); err != nil {
			return fmt.Errorf("没有登记的修改：%w", err)
		}
		return nil
	})
	if err == nil && c.report.Revisions != c.changes {
		c.report.find("登记了 %d 次修改，却有 %d 份内容", c.changes, c.report.Revisions)
	}
	return err
}

func (c *checker) walkFacts() error {
	seq, published := uint64(0), 0
	err := c.walk(factPrefix, func(key, value []byte) error {
		if len(key) != len(factPrefix)+numberLen {
			return errors.New("键的长度不对")
		}
		if seq++; number(key) != seq {
			c.report.find("日志不连续：应为第 %d 条，却是第 %d 条", seq, number(key))
			seq = number(key)
		}
		c.report.Facts++
		var f Fact
		if err := json.Unmarshal(value, &f); err != nil {
			return err
		}
		if f.Type == FactEdition {
			published++
		}
		return f.check()
	})
	if err == nil && published < len(c.headers) {
		c.report.find("共 %d 版，日志只记有 %d 次发布", len(c.headers), published)
	}
	return err
}

func (c *checker) walkDrafts() error {
	return c.walk(draftPrefix, func(key, value []byte) error {
		c.report.Drafts++
		k, err := parseRecordKey(key[len(draftPrefix):])
		if err != nil {
			return err
		}
		d, err := decodeDraft(k, value)
		if err != nil {
			return err
		}
		return c.checkLine(k, []byte(d.Line))
	})
}

func (c *checker) walkUsers() error {
	return c.walk(userPrefix, func(_, value []byte) error {
		c.report.Users++
		_, err := decodeUser(value)
		return err
	})
}

func (c *checker) walkDocs() error {
	return c.walk(docPrefix, func(key, _ []byte) error {
		c.report.Docs++
		kind, id, _ := strings.Cut(string(key[len(docPrefix):]), "/")
		return checkDoc(kind, id)
	})
}

// walkAudit follows the hash chain. Behind a break it goes on from what the
// entry says of itself, so that one change is one finding.
func (c *checker) walkAudit() error {
	at := &c.report.Audit
	err := c.walk(auditPrefix, func(key, value []byte) error {
		if len(key) == len(auditPrefix)+numberLen && number(key) != at.Seq+1 {
			c.report.find("审计记录不连续：应为第 %d 条，却是第 %d 条", at.Seq+1, number(key))
		}
		e, err := decodeAudit(key, value, at.Hash)
		at.Seq, at.Hash = number(key), e.Hash
		return err
	})
	if err == nil {
		if lost := atHead(c.audit, *at); lost != nil {
			c.report.find("%v", lost)
		}
	}
	return err
}

// walkRest looks for changes of editions that were never published and for
// keys outside the layout.
func (c *checker) walkRest() error {
	changes := 0
	err := c.walk("", func(key, _ []byte) error {
		for _, prefix := range []string{revisionPrefix, headerPrefix, factPrefix, draftPrefix, userPrefix, auditPrefix, docPrefix, layoutKey, clearingKey} {
			if bytes.HasPrefix(key, []byte(prefix)) {
				return nil
			}
		}
		if !bytes.HasPrefix(key, []byte(changePrefix)) {
			return errors.New("不属于任何数据")
		}
		changes++
		return nil
	})
	if err == nil && changes != c.changes {
		c.report.find("有 %d 次修改不属于已发布的版本", changes-c.changes)
	}
	return err
}
