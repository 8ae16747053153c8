package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// The paths of messages.
const (
	pathMessages = "/api/v1/messages"
	pathMessage  = "/api/v1/messages/{number}"
)

// A messageTaker keeps messages and says what became of them.
type messageTaker interface {
	// Leave keeps a message for good before it returns; answer.ErrBadMessage.
	Leave(ctx context.Context, m answer.Message) (answer.Receipt, error)
	// MessageStatus returns corpus.ErrNotFound for a wrong number and for a wrong code.
	MessageStatus(ctx context.Context, number, code string) (answer.MessageStatus, error)
}

// A guideReader reads what the pages of matters and life events show.
type guideReader interface {
	Around(ctx context.Context, g *corpus.Guide) (answer.Around, error)
	Events(ctx context.Context, region corpus.RegionCode) ([]answer.LifeEvent, error)
	// Recommend lists what somebody is likely to need next.
	Recommend(ctx context.Context, r answer.RecommendRequest) (answer.RecommendPage, error)
	// Event returns corpus.ErrNotFound if there is none of that id.
	Event(ctx context.Context, id string) (*answer.EventGuide, error)
	// Policy returns corpus.ErrNotFound if there is none of that id.
	Policy(ctx context.Context, id string) (*answer.PolicyText, error)
}

// Leave counts a message like a question, so that nobody can flood the journal.
func (g *gate) Leave(ctx context.Context, m answer.Message) (answer.Receipt, error) {
	if err := g.admit(ctx); err != nil {
		return answer.Receipt{}, err
	}
	return g.Engine.Leave(ctx, m)
}

// MessageStatus counts a look-up like a question, so that nobody can try codes.
func (g *gate) MessageStatus(ctx context.Context, number, code string) (answer.MessageStatus, error) {
	if err := g.admit(ctx); err != nil {
		return answer.MessageStatus{}, err
	}
	return g.Engine.MessageStatus(ctx, number, code)
}

func (s *Server) registerMessages() {
	register(s, s.leaveOperation(), s.leave)
	register(s, s.messageOperation(), s.message)
}

// A MessageBody is what a citizen leaves.
type MessageBody struct {
	Kind    string `json:"kind" doc:"留言的类别" example:"咨询"`
	Text    string `json:"text" minLength:"1" maxLength:"1000" doc:"内容，最多 1000 个字；请勿填写证件号码" example:"社区食堂老人吃饭有补贴吗"`
	Region  string `json:"region,omitempty" doc:"行政区划代码" example:"990100"`
	Matter  string `json:"matter,omitempty" maxLength:"640" doc:"所说事项的编码"`
	Answer  string `json:"answer,omitempty" maxLength:"64" doc:"没有解决问题的那条回答的 id"`
	Name    string `json:"name,omitempty" maxLength:"100" doc:"怎么称呼，选填"`
	Contact string `json:"contact,omitempty" maxLength:"100" doc:"联系方式，选填；不填就凭编号查询答复"`
	ID      string `json:"id,omitempty" maxLength:"64" doc:"提交方自定的编号；同一编号、同样内容重复提交只收一次，回执相同"`
}

func (b MessageBody) message() answer.Message {
	return answer.Message{Kind: b.Kind, Text: b.Text, Region: corpus.RegionCode(b.Region), Matter: b.Matter,
		Answer: b.Answer, Name: b.Name, Contact: b.Contact, ID: b.ID}
}

type messageInput struct{ Body MessageBody }

// Resolve implements huma.Resolver.
func (in *messageInput) Resolve(huma.Context) []error {
	var f faults
	for _, fault := range in.Body.message().Faults() {
		f.add("body."+fault.Field, fault.Why)
	}
	return f
}

func (s *Server) leave(ctx context.Context, in *messageInput) (*fresh[answer.Receipt], error) {
	receipt, err := s.engine.Leave(ctx, in.Body.message())
	if err != nil {
		return nil, err
	}
	return newFresh(receipt), nil
}

type lookUpInput struct {
	Number string `path:"number" maxLength:"64" doc:"留言编号，12 位数字" example:"482103957716"`
	Code   string `header:"Message-Code" required:"true" maxLength:"64" doc:"查询码，8 位数字；放在请求头里，不进网址" example:"39062215"`
}

func (s *Server) message(ctx context.Context, in *lookUpInput) (*fresh[answer.MessageStatus], error) {
	status, err := s.engine.MessageStatus(ctx, in.Number, in.Code)
	if err != nil {
		return nil, err
	}
	status.Replies = list(status.Replies)
	return newFresh(status), nil
}

func (s *Server) leaveOperation() huma.Operation {
	replies := s.replies("回执", answer.Receipt{Number: "482103957716", Code: "39062215", Received: exampleTime()}, 400, 413, 415, 422, 503)
	replies["200"].Links = map[string]*huma.Link{"message": {OperationID: "message", Description: "凭编号和查询码查询办理结果",
		Parameters: map[string]any{"number": "$response.body#/number", "Message-Code": "$response.body#/code"}}}
	return huma.Operation{
		OperationID: "leaveMessage", Method: http.MethodPost, Path: pathMessages, Tags: []string{tagAsk},
		Summary: "留言",
		Description: "咨询、投诉、建议、意见征集。答复时留言已经写入磁盘。编号和查询码用来查询办理结果；查询码只在这时给出一次，服务器只存它的散列。" +
			"与提问一起计入频次。",
		RequestBody: jsonBody(MessageBody{Kind: "咨询", Text: "社区食堂老人吃饭有补贴吗", Region: "990100", ID: "form-7f3a"}),
		Responses:   replies,
	}
}

func (s *Server) messageOperation() huma.Operation {
	return get("message", pathMessage, "查询留言", "凭编号和查询码查询留言的状态和答复。编号或查询码有误都答 404。不返回姓名和联系方式。",
		s.replies("留言", answer.MessageStatus{Number: "482103957716", Kind: "咨询", Text: "社区食堂老人吃饭有补贴吗", Status: answer.MessageAnswered,
			Received: exampleTime(), Replies: []answer.MessageReply{{Agency: "市民政局", Text: "有，请到所在社区登记。", Time: exampleTime().Add(26 * time.Hour)}}},
			404, 422, 429, 503))
}

func exampleTime() time.Time { return time.Date(2026, 5, 12, 9, 30, 0, 0, time.UTC) }
