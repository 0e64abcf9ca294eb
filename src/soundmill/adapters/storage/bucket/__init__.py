"""Files in a bucket of S3 or GCS."""

from soundmill.adapters.storage.bucket.mark import BucketMark
from soundmill.adapters.storage.bucket.objects import Bucket
from soundmill.adapters.storage.bucket.storage import BucketStorage
from soundmill.adapters.storage.bucket.workbench import BucketWorkbench

__all__ = ["Bucket", "BucketMark", "BucketStorage", "BucketWorkbench"]
