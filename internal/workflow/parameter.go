package workflow

// RecordParameter is the Systems Manager parameter that holds the name of the record's bucket: how people's tools find it.
const RecordParameter = "/" + Prefix + "/record"
