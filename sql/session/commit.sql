-- Makes the change permanent; sent by db::Change alone, after the counts were looked at.
commit
