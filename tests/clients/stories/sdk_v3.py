"""The resources of sagemaker-core (the SDK's third generation): groups and packages made, read, changed and deleted."""

import sys

from botocore.exceptions import ClientError
from sagemaker.core.resources import ModelPackage, ModelPackageGroup
from sagemaker.core.shapes.shapes import Tag

# By these names sagemaker-core 2.27 means shapes of a model card, in ModelPackage too: they know no content types.
from sagemaker.core.shapes import ContainersItem, InferenceSpecification  # isort: skip

GROUP, IMAGE = sys.argv[1], sys.argv[2]

specification = InferenceSpecification(
    containers=[ContainersItem(image=IMAGE, model_data_url="s3://models/fraud/model.tar.gz")],
)


def register(**members):
    """Register a version; its create() reads a member that no server may answer, and ends so on AWS too."""
    try:
        ModelPackage.create(model_package_group_name=GROUP, inference_specification=specification, **members)
    except KeyError as error:
        assert error.args == ("ModelPackageName",), error
    else:
        raise AssertionError("ModelPackage.create() works now: let this story use what it returns")


group = ModelPackageGroup.create(
    model_package_group_name=GROUP,
    model_package_group_description="From sagemaker-core",
    tags=[Tag(key="team", value="fraud")],
)
group.wait_for_status("Completed", poll=1)
assert ModelPackageGroup.get(GROUP).model_package_group_description == "From sagemaker-core"
assert GROUP in [found.model_package_group_name for found in ModelPackageGroup.get_all(name_contains=GROUP)]

register(model_approval_status="PendingManualApproval", customer_metadata_properties={"feature_set": "v14"})
register(model_approval_status="Approved")

# Every item of the iteration is described by a call of its own.
packages = list(ModelPackage.get_all(model_package_group_name=GROUP, sort_order="Ascending"))
assert [package.model_package_version for package in packages] == [1, 2], packages
first, second = packages
package = ModelPackage.get(model_package_name=first.model_package_arn)
assert package.inference_specification.containers[0].image == IMAGE, package
assert package.customer_metadata_properties == {"feature_set": "v14"}, package

package.update(model_approval_status="Rejected", approval_description="Too slow")
package.refresh()
assert (package.model_approval_status, package.approval_description) == ("Rejected", "Too slow"), package

# delete() and its wait send model_package_name alone, which a version does not have.
second.model_package_name = second.model_package_arn
second.delete()
second.wait_for_delete(poll=1)
try:
    group.delete()
except ClientError as error:
    assert error.response["Error"]["Code"] == "ConflictException", error
else:
    raise AssertionError("A group with a version was deleted")

other = ModelPackageGroup.create(model_package_group_name=f"{GROUP}-empty")
other.delete()
other.wait_for_delete(poll=1)
print(first.model_package_arn)
