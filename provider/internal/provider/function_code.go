package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/fcstack/fcstack/provider/internal/codepack"
	"github.com/fcstack/fcstack/provider/internal/fcapi"
)

var decimal = regexp.MustCompile(`^[0-9]{1,20}$`)

type codeModel struct {
	OSSBucketName types.String `tfsdk:"oss_bucket_name"`
	OSSObjectName types.String `tfsdk:"oss_object_name"`
	Checksum      types.String `tfsdk:"checksum"`
	ZipFile       types.String `tfsdk:"zip_file"`
}

// codeSource is where a function's code comes from: one of the attributes.
type codeSource struct {
	attribute path.Path
	value     types.String // a path, base64 text, or the name of an object
	code      codeModel    // set if the attribute is in the block
}

// source is the first code source that is given; validation allows no second.
func (m *functionModel) source() (codeSource, bool) {
	for _, s := range m.sources() {
		if !s.value.IsNull() {
			return s, true
		}
	}
	return codeSource{}, false
}

// codeAttribute is what an error about the code is about.
func (m *functionModel) codeAttribute() path.Path {
	s, _ := m.source()
	return s.attribute
}

func (m *functionModel) sources() []codeSource {
	all := []codeSource{
		{attribute: path.Root("package_dir"), value: m.PackageDir},
		{attribute: path.Root("package_file"), value: m.PackageFile},
	}
	if c := m.Code; c != nil {
		all = append(all,
			codeSource{path.Root("code").AtName("zip_file"), c.ZipFile, *c},
			codeSource{path.Root("code").AtName("oss_object_name"), c.OSSObjectName, *c})
	}
	return all
}

// stored says whether the code is an object that only the server can read.
func (s codeSource) stored() bool { return !s.code.OSSObjectName.IsNull() }

// pack makes the package of a source that is not stored. It is made anew for
// the plan and for the apply, so that it is never kept in between.
func (s codeSource) pack() (*codepack.Package, error) {
	text := s.value.ValueString()
	switch {
	case s.attribute.Equal(path.Root("package_dir")):
		return codepack.Dir(text)
	case s.attribute.Equal(path.Root("package_file")):
		return codepack.File(text)
	}
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it is not base64 text: %w", err)
	}
	return codepack.Bytes(content)
}

// checksum is that of the code the function shall have. It is unknown where
// only the apply can tell, and equal to before where nothing tells of a change.
func (s codeSource) checksum(prior *functionModel, deployed string, diags *diag.Diagnostics) types.String {
	switch {
	case s.value.IsUnknown() || s.code.Checksum.IsUnknown() || s.code.OSSBucketName.IsUnknown():
		return types.StringUnknown()
	case s.stored() && !s.code.Checksum.IsNull():
		return s.code.Checksum
	case s.stored():
		return s.storedChecksum(prior, deployed)
	}
	pkg, err := s.pack()
	if err != nil {
		s.refuse(err, diags)
		return types.StringUnknown()
	}
	if want := s.code.Checksum; !want.IsNull() && want.ValueString() != pkg.Checksum {
		diags.AddAttributeError(path.Root("code").AtName("checksum"), "The checksum is not the package's",
			fmt.Sprintf("The package in zip_file has the checksum %s.", pkg.Checksum))
	}
	return types.StringValue(pkg.Checksum)
}

// storedChecksum compares what can be known of an object without reading it:
// its name, and whether the server still has what was deployed from it.
func (s codeSource) storedChecksum(prior *functionModel, deployed string) types.String {
	same := prior != nil && prior.Code != nil &&
		prior.Code.OSSBucketName.Equal(s.code.OSSBucketName) && prior.Code.OSSObjectName.Equal(s.code.OSSObjectName)
	if same && (deployed == "" || deployed == prior.CodeChecksum.ValueString()) {
		return prior.CodeChecksum
	}
	return types.StringUnknown()
}

func (s codeSource) refuse(err error, diags *diag.Diagnostics) {
	hint := ""
	if errors.Is(err, codepack.ErrTooLarge) {
		hint = " Put it into the object store and name it in the code block."
	}
	diags.AddAttributeError(s.attribute, "There is no usable package", capitalize(err.Error())+"."+hint)
}

// request is the code as the API takes it. A package that is not the planned
// one any more is refused: what was approved is what gets deployed.
func (s codeSource) request(planned types.String, diags *diag.Diagnostics) *fcapi.Code {
	if s.stored() {
		return &fcapi.Code{
			OSSBucketName: known(s.code.OSSBucketName),
			OSSObjectName: known(s.code.OSSObjectName),
			Checksum:      known(s.code.Checksum),
		}
	}
	pkg, err := s.pack()
	if err != nil {
		s.refuse(err, diags)
		return nil
	}
	if !planned.IsUnknown() && planned.ValueString() != pkg.Checksum {
		diags.AddAttributeError(s.attribute, "The code has changed since the plan",
			fmt.Sprintf("The package that was planned has the checksum %s, the one that is there now %s. Plan again.", planned.ValueString(), pkg.Checksum))
		return nil
	}
	return &fcapi.Code{ZipFile: new(pkg.Base64()), Checksum: &pkg.Checksum}
}

// confirm reports a server that says it has other code than was sent.
func confirm(sent *fcapi.Code, f *fcapi.Function, diags *diag.Diagnostics) {
	if sent == nil || sent.Checksum == nil || *sent.Checksum == f.CodeChecksum {
		return
	}
	diags.AddAttributeError(path.Root("code_checksum"), "The server has other code than was sent",
		fmt.Sprintf("The package that was sent has the checksum %s; the server reports %q for function %s.", *sent.Checksum, f.CodeChecksum, f.Name()))
}

// ModifyPlan puts the checksum of the code into the plan.
func (r *functionResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan functionModel
	var prior *functionModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	source, ok := plan.source()
	if !ok {
		return
	}
	deployed, diags := deployedChecksum(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	plan.CodeChecksum = source.checksum(prior, deployed, &resp.Diagnostics)
	if prior != nil {
		plan.expect(prior)
	}
	if prior != nil && plan.sameFunction(prior) {
		plan.keep(prior)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// sameFunction says whether all that differs is where the code comes from, as
// after an import or on another machine. The server need not hear of that.
func (m *functionModel) sameFunction(prior *functionModel) bool {
	there := *m
	there.keep(prior)
	there.PackageDir, there.PackageFile, there.Code = prior.PackageDir, prior.PackageFile, prior.Code
	return reflect.DeepEqual(&there, prior)
}

// keep takes over what the server alone changes.
func (m *functionModel) keep(prior *functionModel) {
	m.CodeSize = prior.CodeSize
	m.IdleTimeout = keepKnown(m.IdleTimeout, prior.IdleTimeout)
	m.LastModifiedTime = prior.LastModifiedTime
	m.State, m.StateReason, m.StateReasonCode = prior.State, prior.StateReason, prior.StateReasonCode
	m.LastUpdateStatus = prior.LastUpdateStatus
}

func keepKnown(plan, prior types.Int64) types.Int64 {
	if plan.IsUnknown() {
		return prior
	}
	return plan
}

// expect says which values of the server a change of code touches.
func (m *functionModel) expect(prior *functionModel) {
	if m.CodeChecksum.Equal(prior.CodeChecksum) {
		m.CodeSize = prior.CodeSize
		return
	}
	m.CodeSize = types.Int64Unknown()
	m.LastModifiedTime = types.StringUnknown()
	m.State = types.StringUnknown()
	m.StateReason = types.StringUnknown()
	m.StateReasonCode = types.StringUnknown()
	m.LastUpdateStatus = types.StringUnknown()
}

// The checksum of the last deployment is kept beside the state. It tells code
// that was changed on the server from an object that merely was not looked at.
const deployedKey = "deployed_checksum"

type privateReader interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}

type privateWriter interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}

func deployedChecksum(ctx context.Context, private privateReader) (string, diag.Diagnostics) {
	text, diags := private.GetKey(ctx, deployedKey)
	var sum string
	if len(text) > 0 {
		if err := json.Unmarshal(text, &sum); err != nil {
			diags.AddError("The private state is damaged", err.Error())
		}
	}
	return sum, diags
}

func rememberChecksum(ctx context.Context, private privateWriter, sum string) diag.Diagnostics {
	text, err := json.Marshal(sum)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("The checksum cannot be kept", err.Error())}
	}
	return private.SetKey(ctx, deployedKey, text)
}
