package telwerk

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what a call ended in but its answer.
//
// After codes.Unavailable and codes.DeadlineExceeded it is not known whether the call took effect. Every call of Telwerk
// is safe to repeat, so sending the same again is right.
type Error struct {
	// Code is the status of gRPC.
	Code codes.Code
	// Message is a sentence for people.
	Message string
	// Reason is a constant of the server's catalogue, such as "UNKNOWN_KPI"; empty where the error is not the server's.
	Reason string
	// Metadata is what the server adds for programs.
	Metadata map[string]string
	// Violations are the fields at fault.
	Violations []Violation
	// RetryAfter is when the server asks to be called again; zero where it does not say.
	RetryAfter time.Duration

	cause error
}

// Violation is a field of the request, as a path, and what is wrong with it.
type Violation struct {
	Field       string
	Description string
}

// Error is the sentence for people, with the reason.
func (e *Error) Error() string {
	if e.Reason == "" {
		return e.Code.String() + ": " + e.Message
	}
	return e.Reason + ": " + e.Message
}

// Unwrap gives the error of gRPC.
func (e *Error) Unwrap() error {
	return e.cause
}

// FromError says what an error of a call means; false if it is none of a call.
func FromError(err error) (*Error, bool) {
	state, ok := status.FromError(err)
	if !ok || state.Code() == codes.OK {
		return nil, false
	}
	found := &Error{Code: state.Code(), Message: state.Message(), cause: err}
	for _, detail := range state.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			found.Reason, found.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				found.Violations = append(found.Violations, Violation{violation.GetField(), violation.GetDescription()})
			}
		case *errdetails.RetryInfo:
			found.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	return found, true
}
