package client

import (
	"context"
	"net/http"
	"net/url"
)

// Ask asks a question. To go on with a conversation send the State of the
// answer with the next question, or use a [Conversation].
func (c *Client) Ask(ctx context.Context, q AskBody) (*Answer, error) {
	q.Stream = nil
	return call[Answer](ctx, c, http.MethodPost, "/api/v1/ask", nil, q)
}

// A Conversation carries the state from one question to the next. It is for
// one visitor and not safe for concurrent use.
type Conversation struct {
	Client *Client
	// Region, Audience and Subject go with every question.
	Region, Audience, Subject string

	state string
}

// Ask asks the next question.
func (v *Conversation) Ask(ctx context.Context, text string) (*Answer, error) {
	a, err := v.Client.Ask(ctx, AskBody{Text: text, State: v.state, Region: v.Region, Audience: v.Audience, Subject: v.Subject})
	if err != nil {
		return nil, err
	}
	v.state = a.State
	return a, nil
}

// A SearchQuery says what to search for: Text, Theme or both.
type SearchQuery struct {
	Text, Theme, Region, Audience string
	Limit                         int    // 1 to 50; 0 means 10
	Cursor                        string // of the page before
}

// Search finds matters.
func (c *Client) Search(ctx context.Context, q SearchQuery) (*SearchPage, error) {
	return call[SearchPage](ctx, c, http.MethodGet, "/api/v1/search",
		values("q", q.Text, "theme", q.Theme, "region", q.Region, "audience", q.Audience, "limit", number(q.Limit), "cursor", q.Cursor), nil)
}

// Suggest completes what is being typed. A limit of 0 means 8.
func (c *Client) Suggest(ctx context.Context, text, region string, limit int) ([]Suggestion, error) {
	s, err := call[Suggestions](ctx, c, http.MethodGet, "/api/v1/suggest", values("q", text, "region", region, "limit", number(limit)), nil)
	if err != nil {
		return nil, err
	}
	return s.Suggestions, nil
}

// Matter returns the guide of a matter.
func (c *Client) Matter(ctx context.Context, code string) (*Guide, error) {
	return call[Guide](ctx, c, http.MethodGet, "/api/v1/matters/"+url.PathEscape(code), nil, nil)
}

// Themes counts the matters of each theme, in a region or everywhere.
func (c *Client) Themes(ctx context.Context, region string) (*Themes, error) {
	return call[Themes](ctx, c, http.MethodGet, "/api/v1/themes", values("region", region), nil)
}

// Regions lists the divisions that have matters.
func (c *Client) Regions(ctx context.Context) (*Regions, error) {
	return call[Regions](ctx, c, http.MethodGet, "/api/v1/regions", nil, nil)
}

// Hot lists what is often asked. A limit of 0 means 10.
func (c *Client) Hot(ctx context.Context, region string, limit int) (*Hot, error) {
	return call[Hot](ctx, c, http.MethodGet, "/api/v1/hot", values("region", region, "limit", number(limit)), nil)
}

// Rate rates an answer.
func (c *Client) Rate(ctx context.Context, f FeedbackBody) error {
	_, err := call[Received](ctx, c, http.MethodPost, "/api/v1/feedback", nil, f)
	return err
}

// LeaveMessage leaves a message for the agencies. One that is sent again with
// the same ID is taken once.
func (c *Client) LeaveMessage(ctx context.Context, m MessageBody) (*Receipt, error) {
	return call[Receipt](ctx, c, http.MethodPost, "/api/v1/messages", nil, m)
}

// Message says what became of a message.
func (c *Client) Message(ctx context.Context, number, code string) (*MessageStatus, error) {
	return call[MessageStatus](ctx, c, http.MethodGet, "/api/v1/messages/"+url.PathEscape(number), nil, nil, "Message-Code", code)
}

// A RecommendQuery says for whom to recommend; all may be empty.
type RecommendQuery struct {
	Subject, Matter, Region, Audience string
	Limit                             int // 1 to 50; 0 means 10
}

// Recommend lists matters that somebody is likely to need next.
func (c *Client) Recommend(ctx context.Context, q RecommendQuery) (*RecommendPage, error) {
	return call[RecommendPage](ctx, c, http.MethodGet, "/api/v1/recommendations",
		values("subject", q.Subject, "matter", q.Matter, "region", q.Region, "audience", q.Audience, "limit", number(q.Limit)), nil)
}

// Record keeps what people did, at most 5000 events. Events that carry an ID
// are kept once, however often they are sent.
func (c *Client) Record(ctx context.Context, events []EventBody) (*Recorded, error) {
	return call[Recorded](ctx, c, http.MethodPost, "/api/v1/events", nil, events)
}

// Personalize switches personalisation for a subject.
func (c *Client) Personalize(ctx context.Context, subject string, s SwitchBody) (*Profile, error) {
	return call[Profile](ctx, c, http.MethodPut, subjectPath(subject)+"/personalization", nil, s)
}

// Subject returns all that is kept of a subject.
func (c *Client) Subject(ctx context.Context, subject string) (*Personal, error) {
	return call[Personal](ctx, c, http.MethodGet, subjectPath(subject), nil, nil)
}

// EraseSubject erases all that is kept of a subject.
func (c *Client) EraseSubject(ctx context.Context, subject string) (*Erased, error) {
	return call[Erased](ctx, c, http.MethodDelete, subjectPath(subject), nil, nil)
}

func subjectPath(subject string) string { return "/api/v1/subjects/" + url.PathEscape(subject) }

// Ready returns nil if the service can answer questions.
func (c *Client) Ready(ctx context.Context) error {
	_, err := call[Health](ctx, c, http.MethodGet, "/readyz", nil, nil)
	return err
}
