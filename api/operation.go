package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// An Operation describes for the OpenAPI document what is not served by huma:
// other protocols, and what other packages serve.
type Operation struct {
	ID, Method, Path string // the path with {parameters}
	Tag              string
	Summary          string
	Description      string
	Scope            string // that an API key must have; "" needs none
	Staff            bool   // whether it needs a key, or a member of staff who is logged in
	Params           []Param
	Body             any    // an example of the request's body, whose type is its schema; nil has none
	Reply            any    // likewise of the reply; a string is text
	ReplyType        string // "" means application/json
	Streams          string // what is sent instead when a stream is asked for; "" means nothing
	Problems         []int  // statuses of failures beside 500
}

// A Description describes operations that belong together.
type Description struct {
	Tag, TagWords string
	Operations    []Operation
	Words         string // of fields: "Schema.field words", several on a line separated by ；
}

// describeOthers adds what other packages serve.
func (s *Server) describeOthers() error {
	for _, d := range s.cfg.Described {
		s.tag(d.Tag, d.TagWords)
		for _, op := range d.Operations {
			if err := s.describe(op, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// tag adds a group of operations to the document, unless it is there.
func (s *Server) tag(name, words string) {
	doc := s.api.OpenAPI()
	if !slices.ContainsFunc(doc.Tags, func(t *huma.Tag) bool { return t.Name == name }) {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: name, Description: words})
	}
}

// A Param is a parameter of an Operation.
type Param struct {
	Name, In string // in path, query or header
	Words    string
	Example  any // whose type is the schema
	Required bool
}

// describe adds an operation to the document. Failures have the form that
// shape gives them, of a problem document if it is nil.
func (s *Server) describe(op Operation, shape func(*Problem) any) error {
	h := &huma.Operation{OperationID: op.ID, Method: op.Method, Path: op.Path, Tags: []string{op.Tag},
		Summary: op.Summary, Description: op.Description, Security: security(op.Scope)}
	if op.Staff {
		h.Security = []map[string][]string{{schemeKey: {op.Scope}}, {schemeSession: {}}}
	}
	for _, p := range op.Params {
		h.Parameters = append(h.Parameters, &huma.Param{Name: p.Name, In: p.In, Description: p.Words, Example: p.Example,
			Required: p.Required || p.In == "path", Schema: s.schema(p.Example)})
	}
	if op.Body != nil {
		h.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.schema(op.Body), Example: op.Body}}}
	}
	replyType := op.ReplyType
	if replyType == "" {
		replyType = "application/json"
	}
	h.Responses = s.replies(op.Summary, op.Reply)
	if replyType != "application/json" {
		h.Responses["200"].Content = map[string]*huma.MediaType{replyType: {Schema: text(), Example: op.Reply}}
	}
	if op.Streams != "" {
		h.Responses["200"].Content[streamType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: op.Streams}}
	}
	problems := append(slices.Clone(op.Problems), alwaysPossible...)
	if op.Scope != "" {
		problems = append(problems, http.StatusForbidden)
	}
	for _, status := range problems {
		h.Responses[strconv.Itoa(status)] = s.failureReply(status, shape)
	}
	doc := s.api.OpenAPI()
	if item := doc.Paths[op.Path]; item != nil && operationOf(item, op.Method) != nil {
		return fmt.Errorf("openapi: %s %s is described twice", op.Method, op.Path)
	}
	doc.AddOperation(h)
	return nil
}

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	for _, op := range operationsOf(item) {
		if op.Method == method {
			return op
		}
	}
	return nil
}

// operationsOf lists the operations of a path, those that make something first.
func operationsOf(item *huma.PathItem) (ops []*huma.Operation) {
	for _, op := range []*huma.Operation{item.Post, item.Get, item.Put, item.Patch, item.Delete} {
		if op != nil {
			ops = append(ops, op)
		}
	}
	return ops
}

// failureReply describes a failure in the form that shape gives it.
func (s *Server) failureReply(status int, shape func(*Problem) any) *huma.Response {
	r := s.problemReply(status)
	if shape != nil {
		failure := shape(newProblem(status, detailOf(status)))
		r.Content = map[string]*huma.MediaType{"application/json": {
			Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(failure), true, ""), Example: failure}}
	}
	return r
}
