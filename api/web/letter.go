package web

import (
	"io"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// A Leave is the form to leave a message (留言), empty or with what has been
// written so far.
type Leave struct {
	Visitor Visitor
	Message answer.Message
	Guide   *corpus.Guide // that the message is about; may be nil
	Faults  []answer.MessageFault
	Problem string // in Chinese, why the message could not be taken; may be empty
}

// Fault says what is wrong with a field; empty if nothing is.
func (l Leave) Fault(field string) string {
	for _, f := range l.Faults {
		if f.Field == field {
			return f.Why
		}
	}
	return ""
}

// Limit is the length of the longest message, in characters.
func (l Leave) Limit() int { return answer.MaxMessage }

// Leave writes the form.
func (p *Pages) Leave(w io.Writer, l Leave) error {
	f := p.frame(l.Visitor, "留言 - "+p.opts.Title, l)
	f.Here, f.Filters, f.About = "message", "letter", "咨询、投诉、建议、意见征集：留言由工作人员答复，凭编号查询。"
	return p.write(w, "leave", f)
}

// A Received is the page that gives the receipt of a message.
type Received struct {
	Visitor Visitor
	Receipt answer.Receipt
	Kind    string
}

// Received writes the receipt.
func (p *Pages) Received(w io.Writer, r Received) error {
	r.Visitor.Regions = nil
	f := p.frame(r.Visitor, "留言已收到 - "+p.opts.Title, r)
	f.Here, f.Private = "message", true
	return p.write(w, "received", f)
}

// A LookUp is the form to look a message up, and what was found.
type LookUp struct {
	Visitor Visitor
	Number  string
	Found   *answer.MessageStatus // nil before, and when nothing is found
	Problem string                // in Chinese; may be empty
}

// LookUp writes the page.
func (p *Pages) LookUp(w io.Writer, l LookUp) error {
	l.Visitor.Regions = nil
	f := p.frame(l.Visitor, "查询留言 - "+p.opts.Title, l)
	f.Here, f.Private = "message", true
	return p.write(w, "lookup", f)
}
